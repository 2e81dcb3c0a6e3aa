import { z } from 'zod';
import { AppError, type Json, type JsonObject } from '../../../base/index.ts';
import { defineStepAction } from '../define-action.ts';
import type { StepAction } from '../workflow-action.ts';

/** Evaluates JSONata off the main thread. Errors: `expression_failed`, `timeout`. */
export interface JsonataPort {
  evaluate(
    expression: string,
    input: Json,
    options: { timeoutMs: number; signal: AbortSignal },
  ): Promise<Json>;
}

const defaultTimeoutMs = 5000;

/** Makes a value from other values. */
export function createTransform(deps: { readonly jsonata: () => JsonataPort }): StepAction {
  return defineStepAction({
    name: 'transform',
    description: 'Makes a value: by an expression, a template, or JSONata.',
    inputs: z
      .strictObject({
        expression: z.string().min(1).max(20_000).optional().describe('Expression; keeps its type.'),
        template: z.string().max(200_000).optional().describe('Text with {{ expressions }}.'),
        jsonata: z.string().min(1).max(20_000).optional().describe('JSONata expression.'),
        input: z
          .unknown()
          .optional()
          .describe(
            'Seen as `input`; what JSONata works on. Without it JSONata works on all that is visible.',
          ),
        timeout_ms: z.int().min(1).max(60_000).default(defaultTimeoutMs).describe('JSONata only.'),
      })
      .refine(
        ({ expression, template, jsonata }) =>
          [expression, template, jsonata].filter((one) => one !== undefined).length === 1,
        'expected exactly one of expression, template, jsonata',
      ),
    output: z.unknown(),
    literal: ['expression', 'template', 'jsonata'],
    kind: 'compute',
    effect: 'none',
    run: async (call, io) => {
      const { expression, template, jsonata, timeout_ms: timeoutMs } = call.inputs;
      const input = call.inputs.input as Json | undefined;
      const more: JsonObject = { input: input ?? null };
      if (expression !== undefined) {
        const bare = expression.trim();
        return call.evaluate(bare.startsWith('{{') && bare.endsWith('}}') ? bare : `{{ ${bare} }}`, more);
      }
      if (template !== undefined) {
        const made = call.evaluate(template, more);
        return typeof made === 'string' ? made : JSON.stringify(made);
      }
      if (jsonata === undefined) throw new AppError('internal', 'a transform without an expression');
      return deps.jsonata().evaluate(jsonata, input === undefined ? call.visible() : input, {
        timeoutMs,
        signal: io.signal,
      });
    },
  });
}
