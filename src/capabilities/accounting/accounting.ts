import type { Service } from '../../base/index.ts';
import type { Usage } from '../../protocol/index.ts';
import type { ModelCaller, SubjectLimits } from './caller.ts';
import type { ModelPrice } from './price-table.ts';

/** What of a deployment matters for its bill. */
export interface BilledDeployment {
  readonly id: string;
  /** Group of the model list, or `provider/model`. */
  readonly group: string;
  readonly provider: string;
  /** Upstream's name of the model. */
  readonly model: string;
  readonly limits: SubjectLimits;
  /** `undefined`: unknown. */
  readonly price: ModelPrice | undefined;
  /** Most output tokens the model can give, where known. */
  readonly maxOutputTokens?: number;
}

/** What a call does. */
export type ModelOperation = 'chat' | 'completion' | 'embedding' | 'rerank';

export interface AdmissionRequest {
  readonly caller: ModelCaller;
  readonly deployment: BilledDeployment;
  readonly operation: ModelOperation;
  readonly stream: boolean;
  /** Estimated; see `estimateTokens`. */
  readonly inputTokens: number;
  /** More it cannot be, see `mostInputTokens`: budgets reserve that. */
  readonly mostInputTokens: number;
  /** How many answers are asked for at once. Default 1. */
  readonly answers?: number;
  /** Most output tokens of one answer that the caller asked for. */
  readonly maxOutputTokens: number | undefined;
  /** When the call is over at the latest, epoch milliseconds. */
  readonly deadlineMs: number;
}

/** What came of an attempt that was admitted. */
export interface CallOutcome {
  /** `ok`, or the code of the error. */
  readonly status: string;
  /** `undefined`: nothing was used (the upstream was not reached or refused). */
  readonly usage: Usage | undefined;
  /** True where the upstream told no usage and it was counted from what was seen: budgets then count what was reserved. */
  readonly estimated: boolean;
  readonly durationMs: number;
  readonly firstTokenMs: number | undefined;
  /** Attempts so far, this one included. */
  readonly attempts: number;
}

/** A call that may be made now. */
export interface Admission {
  /** Most output tokens of each answer that what was reserved pays for; the request must be limited to it. `undefined`: no bound. */
  readonly maxOutputTokens: number | undefined;
  /** Told once, when the attempt is over: settles what was reserved and writes the usage row. Returns the usage with its cost. */
  settle(outcome: CallOutcome): Usage | undefined;
}

/** An answer that cost nothing because it was known. */
export interface CacheHit {
  readonly caller: ModelCaller;
  readonly group: string;
  readonly provider: string;
  readonly model: string;
  readonly deployment: string;
  readonly operation: ModelOperation;
  readonly stream: boolean;
  readonly usage: Usage;
  readonly durationMs: number;
}

/**
 * Limits, budgets and usage rows of model calls.
 *
 * Errors of `admit`: `rate_limited` (`details.retryAfterMs`, `details.subject`, `details.limit`) and `budget_exceeded`
 * (`details.subject`, `details.limitUsd`, `details.spentUsd`, `details.resetsAt`). With `details.deployment` the limit is
 * the deployment's own, and another one may have room.
 */
export interface Accounting extends Service {
  admit(request: AdmissionRequest, options: { readonly signal: AbortSignal }): Promise<Admission>;
  recordHit(hit: CacheHit): void;
}
