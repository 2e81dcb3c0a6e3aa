import { z } from 'zod';
import { defineGroupAction } from '../define-action.ts';

/** Decides between two lists of steps. */
export const conditional = defineGroupAction({
  name: 'conditional',
  description: 'Does its steps where the condition holds, and those under else where it does not.',
  inputs: z.strictObject({
    condition: z.union([z.string().min(1), z.boolean()]).describe('Expression, such as inputs.amount > 100.'),
  }),
  output: z.strictObject({
    condition: z.boolean(),
    branch: z.enum(['steps', 'else']),
    outputs: z.record(z.string(), z.unknown()).describe('Outputs of the inner steps that were done, by id.'),
  }),
  literal: ['condition'],
  choose: (call) => (call.condition(call.inputs.condition) ? 'steps' : 'else'),
  outcome: (outputs, chosen) => ({ condition: chosen === 'steps', branch: chosen, outputs }),
});
