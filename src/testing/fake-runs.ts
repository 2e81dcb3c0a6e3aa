import { AppError, toAppError, type Json } from '../base/index.ts';
import type { RunService, SubmittedRun } from '../engine/runs/index.ts';
import {
  noUsage,
  type AgentOutput,
  type AgentRequest,
  type AgentResponse,
  type RunEvent,
  type Scope,
  type StoredRunEvent,
} from '../protocol/index.ts';

/** A run of `FakeRuns` while its script plays. */
export interface FakeRun {
  readonly id: string;
  readonly scope: Scope;
  readonly request: AgentRequest;
  /** Aborts when the run is cancelled. */
  readonly signal: AbortSignal;
  emit(event: RunEvent): void;
}

/** What a run does; a text is short for an output with that text. */
export type RunScript = (run: FakeRun) => Promise<string | Partial<AgentOutput>>;

interface Entry extends FakeRun {
  readonly controller: AbortController;
  readonly events: StoredRunEvent[];
  readonly ended: Promise<AgentResponse>;
  readonly watchers: Set<() => void>;
}

/** A `RunService` in memory that plays a script instead of running agents. Knows the agents `helper` and `other`. */
export class FakeRuns implements RunService {
  script: RunScript = ({ request }) => Promise.resolve(`you said ${String(messageOf(request.input))}`);
  agents = ['helper', 'other'];
  readonly requests: AgentRequest[] = [];
  readonly cancelled: string[] = [];
  readonly signals: { runId: string; id: string; name: string; payload: Json }[] = [];
  readonly #runs = new Map<string, Entry>();
  readonly #byKey = new Map<string, SubmittedRun>();

  submit(scope: Scope, request: AgentRequest): Promise<SubmittedRun> {
    if (!this.agents.includes(request.target.name)) {
      return Promise.reject(new AppError('not_found', `there is no agent "${request.target.name}"`));
    }
    const key = request.dedupeKey === null ? undefined : `${request.source}:${request.dedupeKey}`;
    const first = key === undefined ? undefined : this.#byKey.get(key);
    if (first !== undefined) return Promise.resolve({ ...first, duplicate: true });
    this.requests.push(request);
    const number = this.requests.length;
    const sessionId =
      request.sessionKey === null || request.sessionKey.startsWith('ses_') ? request.sessionKey : 'ses_named';
    const submitted = { runId: `run_${number}`, requestId: `req_${number}`, sessionId, duplicate: false };
    if (key !== undefined) this.#byKey.set(key, submitted);
    this.#play(scope, request, submitted);
    return Promise.resolve(submitted);
  }

  async response(scope: Scope, runId: string, { signal }: { signal: AbortSignal }): Promise<AgentResponse> {
    const run = this.#find(scope, runId);
    signal.throwIfAborted();
    return new Promise<AgentResponse>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      run.ended.then(resolve, reject);
    });
  }

  async *events(
    scope: Scope,
    runId: string,
    { after, signal }: { after: number; signal: AbortSignal },
  ): AsyncGenerator<StoredRunEvent> {
    const run = this.#find(scope, runId);
    let next = after;
    while (!signal.aborted) {
      const stored = run.events[next];
      if (stored === undefined) {
        await new Promise<void>((resolve) => {
          run.watchers.add(resolve);
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
      } else {
        next += 1;
        yield stored;
        if (stored.event.type === 'run-end') return;
      }
    }
  }

  /** Runs of this fake have no children: its own events. */
  async *treeEvents(
    scope: Scope,
    runId: string,
    { after, signal }: { after: ReadonlyMap<string, number>; signal: AbortSignal },
  ): AsyncGenerator<StoredRunEvent> {
    yield* this.events(scope, runId, { after: after.get(runId) ?? 0, signal });
  }

  cancel(scope: Scope, runId: string): Promise<void> {
    const run = this.#find(scope, runId);
    this.cancelled.push(runId);
    run.controller.abort(new AppError('cancelled', 'the run was cancelled'));
    return Promise.resolve();
  }

  signal(scope: Scope, runId: string, signal: { id: string; name: string; payload: Json }): Promise<void> {
    this.#find(scope, runId);
    this.signals.push({ runId, ...signal });
    return Promise.resolve();
  }

  #find(scope: Scope, runId: string): Entry {
    const run = this.#runs.get(runId);
    if (run === undefined || run.scope.tenant !== scope.tenant) {
      throw new AppError('not_found', `there is no run "${runId}"`);
    }
    return run;
  }

  #play(scope: Scope, request: AgentRequest, submitted: SubmittedRun): void {
    const controller = new AbortController();
    const events: StoredRunEvent[] = [];
    const watchers = new Set<() => void>();
    const { runId, requestId, sessionId } = submitted;
    const emit = (event: RunEvent): void => {
      events.push({ runId, sequence: events.length + 1, at: new Date(0).toISOString(), event });
      for (const wake of watchers) wake();
      watchers.clear();
    };
    const end = (response: AgentResponse, event: RunEvent): AgentResponse => {
      emit(event);
      return response;
    };
    const base = { id: `rsp_${runId}`, requestId, runId, sessionId, executionTimeMs: 5, metadata: {} };
    emit({ type: 'run-start', target: request.target, sessionId, attempt: 1 });
    const run: FakeRun = { id: runId, scope, request, signal: controller.signal, emit };
    const usage = { inputTokens: 3, outputTokens: 2, costUsd: 0.5 };
    const ended = this.script(run).then(
      (result) => {
        const given = typeof result === 'string' ? { text: result } : result;
        const defaults: AgentOutput = {
          text: '',
          citations: [],
          model: 'fake/model',
          finishReason: 'stop',
          steps: 1,
        };
        const output = { ...defaults, ...given } as unknown as Json;
        const text = given.text ?? '';
        return end(
          { ...base, status: 'completed', text, output, error: null, usage },
          { type: 'run-end', status: 'completed', output, usage },
        );
      },
      (thrown: unknown) => {
        const error = toAppError(thrown).toJSON();
        const status = error.code === 'timeout' ? 'timeout' : 'error';
        return end(
          { ...base, status, text: '', output: null, error, usage: noUsage },
          {
            type: 'run-end',
            status: error.code === 'cancelled' ? 'cancelled' : 'failed',
            error,
            usage: noUsage,
          },
        );
      },
    );
    this.#runs.set(runId, { ...run, controller, events, ended, watchers });
  }
}

function messageOf(input: Json): unknown {
  return (input as { message?: unknown }).message;
}
