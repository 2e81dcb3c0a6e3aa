import type { Json, Logger } from '../../../base/index.ts';
import type {
  ApprovalOutcome,
  ApprovalRequest,
  ChatMessage,
  RunEffects,
  RunEvent,
  RunTarget,
  Scope,
} from '../../../protocol/index.ts';
import { boundInput } from '../approvals/approval-subject.ts';
import type { ChildOutcome, RunContext, RunStep } from '../run-context.ts';
import { waitInputs, type SignalOutcome } from '../wait-steps.ts';

/** What a run in memory is, beside what it does. */
export interface MemoryRunFacts {
  readonly runId: string;
  readonly rootRunId: string;
  readonly scope: Scope;
  readonly target: RunTarget;
  readonly sessionId: string | null;
  readonly source: string;
  readonly input: Json;
  readonly depth: number;
  readonly effects: RunEffects;
  /** ISO 8601. */
  readonly createdAt: string;
}

/** How waits of a run in memory pass, and who does its children's work. Called only for what its journal does not hold. */
export interface MemoryWaits {
  sleep(milliseconds: number): Promise<void>;
  /** `undefined`: the time-out passed first. */
  signal(name: string, timeoutMs: number | undefined): Promise<Json | undefined>;
  approve(key: string, request: ApprovalRequest): Promise<ApprovalOutcome>;
  /** `signal` ends only the child. */
  child(key: string, target: RunTarget, input: Json, signal: AbortSignal): Promise<ChildOutcome>;
}

export interface MemoryRunParts {
  readonly journal: { readonly step: RunStep; has(key: string): boolean };
  readonly waits: MemoryWaits;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  readonly emit: (event: RunEvent) => void;
  readonly history: (maxTokens: number) => Promise<readonly ChatMessage[]>;
  /** Told with +1 and −1 around work that is no step. */
  readonly onActivity?: (change: 1 | -1) => void;
}

/** A `RunContext` without a database: steps go to the given journal, waits to whoever plays them. */
export function createMemoryRunContext(facts: MemoryRunFacts, parts: MemoryRunParts): RunContext {
  const { journal, waits, onActivity } = parts;
  return {
    ...facts,
    attempt: 1,
    signal: parts.signal,
    logger: parts.logger,
    step: journal.step,
    recorded: (key) => journal.has(key),
    emit: parts.emit,
    history: parts.history,
    async sleep(key, milliseconds) {
      if (!journal.has(key)) await waits.sleep(milliseconds);
      await journal.step(key, 'timer', () => Promise.resolve(null), {
        input: waitInputs.timer(milliseconds),
      });
    },
    async waitForSignal(key, name, { timeoutMs } = {}) {
      const payload = journal.has(key) ? undefined : await waits.signal(name, timeoutMs);
      const outcome = await journal.step<SignalOutcome>(
        key,
        'signal',
        () => Promise.resolve({ received: payload !== undefined, payload: payload ?? null }),
        { input: waitInputs.signal(name, timeoutMs), name },
      );
      return outcome.received ? outcome.payload : undefined;
    },
    async approve(key, request) {
      const decided = journal.has(key) ? undefined : await waits.approve(key, request);
      return (await journal.step<Json>(
        key,
        'approval',
        () => Promise.resolve((decided ?? null) as unknown as Json),
        { input: boundInput(request) },
      )) as unknown as ApprovalOutcome;
    },
    async child(key, target, input, options = {}) {
      return (await journal.step<Json>(
        key,
        'run',
        async (io) => {
          const ended =
            options.signal === undefined ? io.signal : AbortSignal.any([io.signal, options.signal]);
          const outcome = await waits.child(key, target, input, ended);
          io.recordUsage(outcome.usage);
          return outcome as unknown as Json;
        },
        { input: waitInputs.child(target, input), name: target.name },
      )) as unknown as ChildOutcome;
    },
    async busy(work) {
      onActivity?.(1);
      try {
        return await work();
      } finally {
        onActivity?.(-1);
      }
    },
  };
}
