import { z } from 'zod';
import { defineTool } from '../define-tool.ts';
import { ToolResult, type Tool } from '../tool.ts';
import { evaluateExpression } from './evaluate-expression.ts';

/** Arithmetic without a model's guessing. */
export const calculator: Tool = defineTool({
  name: 'calculator',
  description:
    'Evaluates an arithmetic expression: + - * / ^, parentheses, percentages such as "17% of 230", sqrt, round, min, max and the like.',
  parameters: z.strictObject({
    expression: z.string().min(1).describe('For example "17% of 230" or "(2 + 3) * 4".'),
  }),
  effect: 'none',
  examples: ['what is 17% of 230', 'calculate (2 + 3) * 4', 'how much is 12 * 7'],
  execute: ({ expression }) => {
    const value = Number(evaluateExpression(expression).toPrecision(15));
    return Promise.resolve(ToolResult.ok(`${expression} = ${value}`, { data: value }));
  },
});
