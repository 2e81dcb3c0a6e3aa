import { z } from 'zod';
import type { JsonObject } from '../../base/index.ts';
import { ToolResult, type Tool, type ToolContext } from './tool.ts';

interface ToolSettings<P> {
  readonly name: string;
  readonly description: string;
  /** zod object schema of the parameters; becomes the JSON Schema that models see. */
  readonly parameters: z.ZodType<P>;
  readonly effect: Tool['effect'];
  readonly examples?: readonly string[];
  readonly timeoutMs?: number;
  readonly maxOutputChars?: number;
  readonly parallel?: boolean;
  readonly execute: (parameters: P, context: ToolContext) => Promise<ToolResult>;
}

/** Makes a tool whose parameters are typed by a zod schema. */
export function defineTool<P>(settings: ToolSettings<P>): Tool {
  const { $schema: _dialect, ...parameters } = z.toJSONSchema(settings.parameters, { io: 'input' });
  return {
    ...settings,
    parameters: parameters as JsonObject,
    execute: async (given, context) => {
      // The JSON Schema was checked before; this finds what it cannot say, such as refinements.
      const parsed = settings.parameters.safeParse(given);
      if (parsed.success) return settings.execute(parsed.data, context);
      const faults = parsed.error.issues.map(
        (issue) => `${issue.path.join('.') || 'value'}: ${issue.message}`,
      );
      return ToolResult.fail(`the arguments do not fit: ${faults.join('; ')}`, 'invalid_request');
    },
  };
}
