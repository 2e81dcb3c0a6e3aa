import { z } from 'zod';
import { AppError, type Json, type JsonObject } from '../../../base/index.ts';
import { schemaFaults } from '../../../capabilities/tools/index.ts';
import { defineStepAction } from '../define-action.ts';

const condition = z.string().min(1).max(20_000);
const rule = z.union([
  z.strictObject({ condition, message: z.string().min(1) }),
  z.strictObject({ expression: condition, message: z.string().min(1) }),
]);

/** Checks a value by JSON Schema and by rules. */
export const validate = defineStepAction({
  name: 'validate',
  description: 'Checks a value by a JSON Schema and by rules; fails unless told otherwise.',
  inputs: z.strictObject({
    value: z.unknown().describe('What is checked.'),
    schema: z.record(z.string(), z.unknown()).optional().describe('JSON Schema (2020-12, or draft-07).'),
    rules: z
      .array(rule)
      .max(1000)
      .optional()
      .describe('Conditions that have to hold; they see the value as `value`.'),
    fail: z.boolean().default(true).describe('Fail the step when the value is not valid?'),
  }),
  output: z.strictObject({ valid: z.boolean(), errors: z.array(z.string()) }),
  literal: ['rules'],
  kind: 'compute',
  effect: 'none',
  run: (call) => {
    const { schema, rules = [], fail } = call.inputs;
    const value = (call.inputs.value ?? null) as Json;
    const errors = schema === undefined ? [] : [...schemaFaults(schema as JsonObject, value)];
    for (const one of rules) {
      const text = 'condition' in one ? one.condition : one.expression;
      if (!call.condition(text, { value })) errors.push(one.message);
    }
    if (errors.length > 0 && fail)
      throw new AppError('invalid_request', `the value is not valid: ${errors.join('; ')}`, {
        details: { errors },
      });
    return { valid: errors.length === 0, errors };
  },
});
