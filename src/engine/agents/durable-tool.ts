import type { ModelTool } from '../../capabilities/models/index.ts';
import type { ToolResult } from '../../capabilities/tools/index.ts';
import type { ToolCall } from '../../protocol/index.ts';

/**
 * A tool that may take days: a child run, a question to a person. It is executed outside any step and journals by
 * itself under the call's key, so that the run can leave memory meanwhile. Failure is a result.
 */
export interface DurableTool {
  readonly tool: ModelTool;
  /** False for one that only waits: it takes no place among the calls at work. */
  readonly takesPlace: boolean;
  execute(call: ToolCall, key: string): Promise<ToolResult>;
}
