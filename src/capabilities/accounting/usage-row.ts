import type { ModelOperation } from './accounting.ts';

/** One model call as it is kept for good: who, what, how much. Attempts that failed without using anything have one too. */
export interface UsageRow {
  /** Id of the reservation; a row is written once per id. */
  readonly id: string;
  /** When the attempt ended, epoch milliseconds. */
  readonly at: number;
  readonly tenant: string;
  /** `key:<id>`, `user:<name>`, `system`, … */
  readonly principal: string;
  /** The end user for whom the principal spoke. */
  readonly user: string | undefined;
  readonly team: string | undefined;
  readonly agent: string | undefined;
  readonly runId: string | undefined;
  readonly requestId: string;
  readonly tags: readonly string[];
  /** Group of the model list, or `provider/model`. */
  readonly group: string;
  /** Id of the deployment. */
  readonly deployment: string;
  readonly provider: string;
  /** Upstream's name of the model. */
  readonly model: string;
  readonly operation: ModelOperation;
  readonly stream: boolean;
  /** `ok`, or the code of the error. */
  readonly status: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Of the input, what the provider had in its prompt cache. */
  readonly cachedInputTokens: number;
  /** Of the input, what the provider put into its prompt cache. */
  readonly cacheWriteTokens: number;
  /** Of the output, what the model thought. */
  readonly reasoningTokens: number;
  /** `null`: the price is unknown. */
  readonly costUsd: number | null;
  /** The tokens were counted by us, because the upstream did not tell. */
  readonly estimated: boolean;
  readonly durationMs: number;
  readonly firstTokenMs: number | undefined;
  /** Attempts of the call so far, this one included. */
  readonly attempts: number;
  /** `hit`: our own cache answered, nobody was called and nothing is to be paid. */
  readonly cache: 'hit' | null;
}

/** Where usage rows go. Returns at once and never throws; rows are written in batches, off the hot path. */
export interface UsageSink {
  record(row: UsageRow): void;
}
