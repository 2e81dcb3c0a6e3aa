import { z } from 'zod';
import type { JsonObject } from '../../../base/index.ts';
import { definitionName } from '../../../protocol/index.ts';
import { defineDurableAction } from '../define-action.ts';
import { childRun } from './child-run.ts';

/** Executes another workflow as a child run. */
export const runWorkflow = defineDurableAction({
  name: 'run_workflow',
  description:
    'Executes another workflow, as a run of its own below this one; its output is the output of the step.',
  inputs: z.strictObject({
    workflow: definitionName.describe('Name of the workflow.'),
    inputs: z.record(z.string(), z.unknown()).default({}).describe('Inputs of the workflow.'),
  }),
  output: z.unknown(),
  holdsSlot: true,
  run: async (call, durable) => {
    const target = { kind: 'workflow', name: call.inputs.workflow } as const;
    return (await childRun(durable, target, call.inputs.inputs as JsonObject)).output;
  },
});
