import { z } from 'zod';
import type { JsonObject } from '../../../base/index.ts';
import { defineStepAction } from '../define-action.ts';

/** Puts values into the output of the run, where the workflow does not say its `outputs` itself. */
export const emitOutput = defineStepAction({
  name: 'emit_output',
  description: 'Puts values into the output of the run; used where the workflow has no outputs of its own.',
  inputs: z.strictObject({
    values: z.record(z.string().min(1).max(200), z.unknown()).describe('Value by name.'),
  }),
  output: z.record(z.string(), z.unknown()).describe('The values.'),
  kind: 'compute',
  effect: 'none',
  writes: 'output',
  run: ({ inputs }) => inputs.values as JsonObject,
});
