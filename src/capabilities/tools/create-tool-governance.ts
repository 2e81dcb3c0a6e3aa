import {
  AppError,
  isAbortError,
  withDeadline,
  type Clock,
  type JsonObject,
  type Logger,
} from '../../base/index.ts';
import type { Metrics } from '../../platform/observability/index.ts';
import { hasScope, type PermissionScope } from '../../protocol/index.ts';
import { ToolResult, type Tool, type ToolContext, type ToolGovernance } from './tool.ts';
import { parameterFaults } from './validate-parameters.ts';

const defaultTimeoutMs = 30_000;
const defaultOutputChars = 50_000;

export interface ToolGovernanceDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Scope that a tool needs, by name; `tools:execute` for the others. */
  readonly scopeMap?: Readonly<Record<string, PermissionScope>>;
}

function cut(result: ToolResult, mostChars: number): ToolResult {
  if (result.content.length <= mostChars) return result;
  const note = `\n[cut: ${result.content.length - mostChars} more characters]`;
  return { ...result, content: result.content.slice(0, mostChars) + note };
}

/** The only way to a tool: scope, parameters, time, size, log. */
export function createToolGovernance(deps: ToolGovernanceDeps): ToolGovernance {
  const { clock, metrics } = deps;

  function check(tool: Tool, _parameters: JsonObject, context: ToolContext): string | undefined {
    const needed = deps.scopeMap?.[tool.name] ?? 'tools:execute';
    if (!hasScope(context.scope, needed))
      return `the caller lacks the scope "${needed}" that "${tool.name}" needs`;
    if (context.use.name !== tool.name) return `the agent may not use "${tool.name}"`;
    if (context.effects === 'off' && tool.effect !== 'none')
      return `"${tool.name}" may change something outside, and this run is a fork that was started without effects`;
    return undefined;
  }

  async function run(tool: Tool, parameters: JsonObject, context: ToolContext): Promise<ToolResult> {
    const timeoutMs = context.use.timeout ?? tool.timeoutMs ?? defaultTimeoutMs;
    const deadline = withDeadline(clock, timeoutMs, context.signal);
    try {
      const aborted = new Promise<never>((_, reject) => {
        const fail = (): void => reject(deadline.signal.reason as Error);
        if (deadline.signal.aborted) fail();
        else deadline.signal.addEventListener('abort', fail, { once: true });
      });
      return await Promise.race([tool.execute(parameters, { ...context, signal: deadline.signal }), aborted]);
    } catch (error) {
      context.signal.throwIfAborted();
      if (deadline.signal.aborted || isAbortError(error))
        return ToolResult.fail(`"${tool.name}" did not finish within ${timeoutMs} ms`, 'timeout');
      if (error instanceof AppError && error.fault !== 'internal')
        return ToolResult.fail(error.message, error.code);
      context.logger.warn({ error, tool: tool.name }, 'tool failed');
      return ToolResult.fail(`"${tool.name}" failed`, 'tool_failed');
    } finally {
      deadline.clear();
    }
  }

  return {
    check,
    async execute(tool, parameters, context) {
      const startedAt = clock.now();
      const refusal = check(tool, parameters, context);
      const faults = refusal === undefined ? parameterFaults(tool, parameters) : [];
      const result =
        refusal !== undefined
          ? ToolResult.fail(`not allowed: ${refusal}`, 'tool_denied')
          : faults.length > 0
            ? ToolResult.fail(`the arguments do not fit: ${faults.join('; ')}`, 'invalid_request')
            : cut(await run(tool, parameters, context), tool.maxOutputChars ?? defaultOutputChars);
      const durationMs = clock.now() - startedAt;
      const status = result.ok ? 'ok' : result.code;
      metrics.toolCalls.inc({ tool: tool.name, status });
      metrics.toolDuration.observe({ tool: tool.name }, durationMs / 1000);
      context.logger.info(
        { tool: tool.name, principal: context.scope.principal, status, durationMs },
        'tool executed',
      );
      context.logger.debug({ tool: tool.name, parameters }, 'tool arguments');
      return result;
    },
  };
}
