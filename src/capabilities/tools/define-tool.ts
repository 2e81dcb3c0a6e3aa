import { z } from 'zod';
import type { JsonObject } from '../../base/index.ts';
import type { Tool, ToolContext, ToolResult } from './tool.ts';

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
    execute: (given, context) => settings.execute(settings.parameters.parse(given), context),
  };
}
