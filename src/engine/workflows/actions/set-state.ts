import { z } from 'zod';
import type { JsonObject } from '../../../base/index.ts';
import { defineStepAction } from '../define-action.ts';

/** Puts values into the state of the run: `state.<name>` for every step that comes after this one. */
export const setState = defineStepAction({
  name: 'set_state',
  description:
    'Puts values into the state of the run; steps that come after this one read them as state.NAME.',
  inputs: z.strictObject({
    values: z.record(z.string().min(1).max(200), z.unknown()).describe('Value by name.'),
  }),
  output: z.record(z.string(), z.unknown()).describe('The values.'),
  kind: 'compute',
  effect: 'none',
  writes: 'state',
  run: ({ inputs }) => inputs.values as JsonObject,
});
