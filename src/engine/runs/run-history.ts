import type { Json } from '../../base/index.ts';
import type { AgentRequest, Cassette, RunRecording, Scope } from '../../protocol/index.ts';
import type { JsonDifference } from './replay/json-differences.ts';
import type { RunComparison } from './replay/diff-recordings.ts';
import type { ReplayDifference } from './replay/replay-outcome.ts';
import type { SubmittedRun } from './run-context.ts';
import type { WithinSubmit } from './submit-request.ts';

/** What a replay came to. */
export interface ReplayReport {
  readonly runId: string;
  readonly against: 'recorded' | 'current';
  readonly identical: boolean;
  /** Steps that were asked for and answered, those of children included. */
  readonly steps: number;
  /** The first difference; `null` when there is none. */
  readonly difference: ReplayDifference | null;
  /** Where the definition of today is another one than the recorded; empty against the recorded one. */
  readonly definitionChanges: readonly JsonDifference[];
}

export interface ForkRequest {
  /** The first step to be done again: a key of the run, or of a child behind the key of its parent's step (`delegate/model:2`). */
  readonly from: string;
  /** `inputs.x` or `steps.KEY.output.x` → value. */
  readonly set?: Readonly<Record<string, Json>>;
  /** In place of the whole input. */
  readonly input?: Json;
  /** In place of the model of the agent, or the team's lead, whose step `from` names. */
  readonly model?: string;
  /** `recorded` (default): what the run started with. `current`: what its name means today. */
  readonly definition?: 'recorded' | 'current';
  /** May the fork change anything outside? Default false: tools and actions that would are refused. */
  readonly effects?: boolean;
  /** Is it part of its origin's session, whose history its answer joins? Default false. */
  readonly session?: boolean;
}

/**
 * What can be done with a run afterwards. The run itself is never changed: a final state stays final. Errors of all:
 * `not_found` for runs of other tenants, too; `conflict` for a run that is queued or running.
 */
export interface RunHistory {
  /** Everything that decided the run, secrets included: for use inside only. */
  recording(scope: Scope, runId: string): Promise<RunRecording>;
  /** The recording without secrets, proven to play. Error: `conflict` when it does not. */
  cassette(scope: Scope, runId: string, options: { readonly pii: boolean }): Promise<Cassette>;
  /** Executes the run from its journal alone and tells the first difference. Calls nothing and writes nothing. */
  replay(
    scope: Scope,
    runId: string,
    options: { readonly against: 'recorded' | 'current' },
  ): Promise<ReplayReport>;
  /** A new run that keeps what is not behind a step. Errors: `not_found` (step), `invalid_request`, `forbidden`. */
  fork(scope: Scope, runId: string, request: ForkRequest): Promise<SubmittedRun>;
  /** A new run that goes on where a failed or timed-out one stopped; a dead letter about it is resolved. Error: `conflict` for others, or while one goes on already. */
  resume(scope: Scope, runId: string): Promise<SubmittedRun>;
  /** A new run of the same request with the definition of today; a dead letter about it is resolved. Error: `conflict` for a run that completed or waits. */
  retry(scope: Scope, runId: string): Promise<SubmittedRun>;
  /** Two runs side by side, step by step. */
  diff(scope: Scope, runA: string, runB: string): Promise<RunComparison>;
}

/** For whoever retries runs by rows of its own: the row and the new run are one transaction. */
export interface RunRetrier {
  /** Like `RunHistory.retry`, with parts changed; `within` decides about dead letters. `undefined` when it answers false. */
  retryWithin(
    scope: Scope,
    runId: string,
    change: Partial<Pick<AgentRequest, 'target' | 'input'>>,
    within: WithinSubmit,
  ): Promise<SubmittedRun | undefined>;
}
