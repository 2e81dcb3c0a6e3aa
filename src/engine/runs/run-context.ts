import type { Transaction } from 'kysely';
import type { AppError, Json, Logger, SerializedError } from '../../base/index.ts';
import type { Database } from '../../platform/storage/index.ts';
import type {
  RunEffects,
  RunEvent,
  RunStatus,
  RunTarget,
  Scope,
  StepKind,
  Usage,
  AgentRequest,
  ChatMessage,
  StoredRunEvent,
  AgentResponse,
  ApprovalOutcome,
  ApprovalRequest,
} from '../../protocol/index.ts';

export interface StepOptions {
  /** JSON that decides what the step does; its digest is compared on replay. */
  readonly input: Json;
  /** Shown in the step's events. */
  readonly name?: string;
  /**
   * `retry` (default): a step that was under way at a crash is made again. `fail`: the step leaves a mark before it
   * begins, and one that was under way at a crash fails with `conflict` ("may or may not have happened").
   */
  readonly onDoubt?: 'retry' | 'fail';
  /**
   * The step changes nothing outside and may be done again after a crash, so the run goes on while its record is
   * written. Whatever else the run does (other steps, waits, children, its end) begins after the record.
   */
  readonly writeBehind?: boolean;
}

/** Given to a step's function while it really runs (never on replay). */
export interface StepIo {
  /** Counts from 1 over the life of the run. */
  readonly attempt: number;
  /** `<run id>:<step key>`: same for each attempt. */
  readonly idempotencyKey: string;
  readonly signal: AbortSignal;
  emit(event: RunEvent): void;
  /** Tokens and cost of the step, stored with it and added to the run. */
  recordUsage(usage: Usage): void;
}

/** Runs a function once and remembers its result under a key that is stable over executions. */
export type RunStep = <T extends Json>(
  key: string,
  kind: StepKind,
  run: (io: StepIo) => Promise<T>,
  options: StepOptions,
) => Promise<T>;

/** What the executor of a run stands on. Code between steps runs again after a crash: it may depend only on this and on step results. */
export interface RunContext {
  readonly runId: string;
  readonly rootRunId: string;
  readonly scope: Scope;
  readonly target: RunTarget;
  readonly sessionId: string | null;
  readonly source: string;
  readonly input: Json;
  readonly attempt: number;
  /** 0 for a root run, 1 for its children, … */
  readonly depth: number;
  /** `off`: a fork that may not touch the outside; whoever changes something there refuses (reading is allowed). */
  readonly effects: RunEffects;
  /** When the run was accepted, ISO 8601: the run's stable idea of "now". */
  readonly createdAt: string;
  /** Aborts on cancel, deadline, shutdown and when another worker took the run over. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
  readonly step: RunStep;
  emit(event: RunEvent): void;
  /** Messages of the session from before this run, oldest first, newest `maxTokens` worth. */
  history(maxTokens: number): Promise<readonly ChatMessage[]>;
  /** Waits durably: the run leaves memory and costs one row. */
  sleep(key: string, milliseconds: number): Promise<void>;
  /** Waits durably for a signal by name; `undefined` when `timeoutMs` passes first. */
  waitForSignal(key: string, name: string, options?: { timeoutMs?: number }): Promise<Json | undefined>;
  /**
   * Asks a person and waits durably for the decision. Asked again under the same key with another subject it is
   * `nondeterministic_run`: a decision holds for the exact arguments that were shown.
   */
  approve(key: string, request: ApprovalRequest): Promise<ApprovalOutcome>;
  /**
   * Executes another target as a child with a journal of its own. Cancel and deadline reach down to it; so does
   * `signal`, which ends only the child: as `timeout` after a `TimeoutError`, else as `cancelled`.
   */
  child(
    key: string,
    target: RunTarget,
    input: Json,
    options?: { readonly signal?: AbortSignal },
  ): Promise<ChildOutcome>;
  /** True for a step that an earlier execution finished: asked for, it answers from the journal. */
  recorded(key: string): boolean;
  /** Keeps the run in memory while something that is no step is under way, such as a look into a store. */
  busy<T>(work: () => Promise<T>): Promise<T>;
}

export interface ChildOutcome {
  readonly runId: string;
  readonly status: RunStatus;
  readonly output: Json;
  readonly usage: Usage;
  readonly error: SerializedError | null;
}

/** What an executor returns: the output, the text for people, and what joins the session's history. */
export interface RunResult {
  readonly output: Json;
  readonly text: string;
  readonly messages: readonly ChatMessage[];
}

/** What a run may use at most. */
export interface RunLimits {
  /** Bytes of JSON text that the outputs of all its steps may come to. */
  readonly maxStateBytes?: number;
}

/** Executes targets of one kind. Registered at composition; the engine of runs knows no agent. */
export interface RunExecutor {
  /** The definition of a target with its content hash; the run keeps the hash it started with. Error: `not_found` with the nearest name. */
  snapshot(scope: Scope, name: string): Promise<{ hash: string; definition: Json; timeoutMs: number }>;
  execute(definition: Json, context: RunContext): Promise<RunResult>;
  /** Looks at the input of a request before a run is made of it. Throws `invalid_request`, naming the field. */
  accept?(definition: Json, input: Json): void;
  /**
   * Can the step `key` have been decided by what the step `from` came to? By graph or turn. Without it a fork takes
   * everything that began after `from` for downstream.
   */
  isDownstream?(definition: Json, from: string, key: string): boolean;
  /** Is it a step that takes back what another did? Forks never keep one, and a run that has one cannot be resumed. */
  isCompensation?(key: string): boolean;
  /** The definition with another model, for forks. Without it such a fork is refused. */
  withModel?(definition: Json, model: string): Json;
  /** Limits that a definition sets; what is left out has the engine's default. */
  limits?(definition: Json): RunLimits;
}

export interface SubmittedRun {
  readonly runId: string;
  readonly requestId: string;
  readonly sessionId: string | null;
  /** True when the same request had been accepted before. */
  readonly duplicate: boolean;
}

/** The door that all entrypoints share. */
export interface RunService {
  /**
   * Accepts a request: written once, durable when this resolves. Errors: `not_found` (target), `invalid_request`,
   * `idempotency_mismatch`, `storage_unavailable`, `storage_full`, `not_ready`.
   */
  submit(scope: Scope, request: AgentRequest): Promise<SubmittedRun>;
  /** The one response of a run, as soon as it is there. Aborting the signal ends the waiting, not the run. */
  response(scope: Scope, runId: string, options: { signal: AbortSignal }): Promise<AgentResponse>;
  /** Events after a cursor (0 = all): stored ones first, then live ones; ends after `run-end`. Error: `not_found`. */
  events(
    scope: Scope,
    runId: string,
    options: { after: number; signal: AbortSignal },
  ): AsyncIterable<StoredRunEvent>;
  /**
   * Events of a run and of all its descendants in one stream, by time; `after` names the last event seen of each run.
   * Runs that begin meanwhile join. Ends after the `run-end` of the run itself. Error: `not_found`.
   */
  treeEvents(
    scope: Scope,
    runId: string,
    options: { after: ReadonlyMap<string, number>; signal: AbortSignal },
  ): AsyncIterable<StoredRunEvent>;
  /** Asks a run to stop; it ends as `cancelled`. Error: `not_found`; `conflict` when it is final already. */
  cancel(scope: Scope, runId: string): Promise<void>;
  /** Stores a signal and wakes whoever waits for it; the same id twice has one effect. */
  signal(scope: Scope, runId: string, signal: { id: string; name: string; payload: Json }): Promise<void>;
}

/** A request, and for whom it is made. */
export interface BatchItem {
  readonly scope: Scope;
  readonly request: AgentRequest;
}

/** What became of one request of a batch. */
export type BatchOutcome =
  | {
      readonly outcome: 'submitted';
      readonly runId: string;
      readonly requestId: string;
      readonly sessionId: string | null;
    }
  | { readonly outcome: 'duplicate' }
  | { readonly outcome: 'refused'; readonly error: AppError };

/** For whoever takes in many requests at once. */
export interface BatchSubmitter {
  /**
   * Accepts requests in their order, all in one transaction, with `within` as its first work; when that resolves with
   * false nothing is accepted, and the answer is `undefined`. A request that was accepted before is a duplicate,
   * whatever it says now. Outcomes are in the order of the requests; a target that does not exist or an input that does
   * not fit refuses only its own. Errors: `storage_unavailable`, `storage_full`, `not_ready`.
   */
  submitBatch(
    items: readonly BatchItem[],
    within?: (trx: Transaction<Database>) => Promise<boolean>,
  ): Promise<readonly BatchOutcome[] | undefined>;
}

/** For whoever starts runs by rows of its own, such as schedules: the row and the run are one transaction. */
export interface RunStarter {
  /**
   * Like `submit`, with `within` as the first work of the same transaction. When it returns false nothing is accepted
   * and the answer is `undefined`. A dedupe key that was used before is a `conflict`, and `within` is rolled back.
   */
  submitWithin(
    scope: Scope,
    request: AgentRequest,
    within: (trx: Transaction<Database>, runId: string) => Promise<boolean>,
  ): Promise<SubmittedRun | undefined>;
  /** Asks a run to stop. Errors: `not_found`, `conflict` when it is final already. */
  cancel(scope: Scope, runId: string): Promise<void>;
}
