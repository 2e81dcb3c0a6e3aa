import {
  AppError,
  isAbortError,
  silentLogger,
  systemClock,
  toAppError,
  type Clock,
  type Json,
  type Logger,
  type SerializedError,
} from '../../../base/index.ts';
import type {
  ApprovalOutcome,
  ApprovalRequest,
  ChatMessage,
  RunEvent,
  RunTarget,
  Scope,
  TargetKind,
  Usage,
} from '../../../protocol/index.ts';
import { defaultRunEngineSettings } from '../engine-deps.ts';
import { RunInterruption } from '../interruptions.ts';
import { MemoryExecution, MemoryJournal } from './memory-journal.ts';
import { createMemoryRunContext } from './memory-run-context.ts';
import type { ChildOutcome, RunExecutor, RunResult } from '../run-context.ts';

export interface MemoryRunOptions {
  readonly executors: Readonly<Partial<Record<TargetKind, RunExecutor>>>;
  readonly target: RunTarget;
  readonly input: Json;
  /** Taken from the executor's snapshot when left out. */
  readonly definition?: Json;
  /** Given again, finished steps answer from it. */
  readonly journal?: MemoryJournal;
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
  readonly logger?: Logger;
  readonly scope?: Scope;
  readonly runId?: string;
  readonly emit?: (event: RunEvent) => void;
  readonly history?: (maxTokens: number) => Promise<readonly ChatMessage[]>;
  /** Answers waits for signals; without it they fail as `not_ready`. */
  readonly onSignal?: (name: string, timeoutMs: number | undefined) => Promise<Json | undefined>;
  /** Answers approvals and questions; without it they fail as `not_ready`. */
  readonly onApproval?: (key: string, request: ApprovalRequest) => Promise<ApprovalOutcome>;
}

/** What a run in memory came to. */
export interface MemoryRunOutcome {
  readonly status: 'completed' | 'failed' | 'cancelled' | 'timeout';
  readonly result: RunResult | undefined;
  readonly error: SerializedError | null;
  readonly usage: Usage;
}

const localScope: Scope = { tenant: 'default', principal: 'local', scopes: ['admin'] };
const { maxDepth } = defaultRunEngineSettings;
const never = new AbortController().signal;

function unanswered(what: string): Promise<never> {
  return Promise.reject(new AppError('not_ready', `nobody answers ${what} of a run in memory`));
}

/**
 * Executes a target from the top without a database: for benches, tests and trying out. Steps really happen and last as
 * long as the given journal. Throws only `RunInterruption`; a failed run is an outcome.
 */
export function runInMemory(options: MemoryRunOptions): Promise<MemoryRunOutcome> {
  return execute(options, { runId: options.runId ?? 'run_memory', rootRunId: undefined, depth: 0 });
}

async function execute(
  options: MemoryRunOptions,
  place: { readonly runId: string; readonly rootRunId: string | undefined; readonly depth: number },
): Promise<MemoryRunOutcome> {
  const { target, clock = systemClock, signal = never, scope = localScope } = options;
  const { emit = () => {}, onSignal, onApproval, journal = new MemoryJournal() } = options;
  const { runId, depth } = place;
  const rootRunId = place.rootRunId ?? runId;
  const execution = new MemoryExecution(journal, { runId, clock, signal, emit });
  const executor = options.executors[target.kind];
  try {
    if (executor === undefined)
      throw new AppError('invalid_request', `nobody here executes a ${target.kind}`);
    const definition = options.definition ?? (await executor.snapshot(scope, target.name)).definition;
    const context = createMemoryRunContext(
      {
        runId,
        rootRunId,
        scope,
        target,
        sessionId: null,
        source: 'memory',
        input: options.input,
        depth,
        effects: 'on',
        createdAt: new Date(clock.now()).toISOString(),
      },
      {
        journal: execution,
        signal,
        logger: options.logger ?? silentLogger,
        emit,
        history: options.history ?? (() => Promise.resolve([])),
        waits: {
          sleep: (milliseconds) => clock.sleep(milliseconds, { signal }),
          signal: (name, timeoutMs) => onSignal?.(name, timeoutMs) ?? unanswered(`the signal "${name}"`),
          approve: (key, request) => onApproval?.(key, request) ?? unanswered(`the approval "${key}"`),
          child: async (key, childTarget, input, ended): Promise<ChildOutcome> => {
            if (depth >= maxDepth)
              throw new AppError('limit_exceeded', `runs are nested more than ${maxDepth} deep`);
            const { definition: _own, ...shared } = options;
            const child = await execute(
              { ...shared, target: childTarget, input, journal: journal.child(key), signal: ended },
              { runId: `${runId}/${key}`, rootRunId, depth: depth + 1 },
            );
            return {
              runId: `${runId}/${key}`,
              status: child.status,
              output: child.result?.output ?? null,
              usage: child.usage,
              error: child.error,
            };
          },
        },
      },
    );
    const result = await executor.execute(definition, context);
    return { status: 'completed', result, error: null, usage: execution.usage };
  } catch (error) {
    const cause = signal.aborted ? (signal.reason as unknown) : error;
    if (cause instanceof RunInterruption) throw cause;
    if (error instanceof RunInterruption) throw error;
    const late = signal.aborted && isAbortError(cause);
    const failure = late
      ? new AppError('timeout', 'the run did not finish before its deadline')
      : toAppError(cause);
    return {
      status: late ? 'timeout' : failure.code === 'cancelled' ? 'cancelled' : 'failed',
      result: undefined,
      error: failure.toJSON(),
      usage: execution.usage,
    };
  }
}
