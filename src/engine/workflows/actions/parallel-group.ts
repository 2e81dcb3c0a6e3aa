import { z } from 'zod';
import { defineGroupAction } from '../define-action.ts';

/** Steps that belong together: side by side, unless they depend on each other. */
export const parallelGroup = defineGroupAction({
  name: 'parallel_group',
  description: 'Does its steps side by side, each as soon as those of the group that it depends on are done.',
  inputs: z.strictObject({
    concurrency: z.int().min(1).max(1000).optional().describe('Most steps of the group side by side.'),
  }),
  output: z.record(z.string(), z.unknown()).describe('Outputs of the inner steps that were done, by id.'),
  choose: () => 'steps',
  concurrency: (inputs) => inputs.concurrency,
  outcome: (outputs) => outputs,
});
