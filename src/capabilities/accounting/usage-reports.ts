import type { Scope } from '../../protocol/index.ts';
import type { UsageRow } from './usage-row.ts';

/** What usage can be summed up by. Days and hours are UTC. */
export const usageGroupings = [
  'day',
  'hour',
  'model',
  'group',
  'deployment',
  'provider',
  'key',
  'user',
  'team',
  'agent',
  'tag',
  'run',
  'status',
  'operation',
] as const;
export type UsageGrouping = (typeof usageGroupings)[number];

/** Which calls are meant; what is left out does not matter. */
export interface UsageFilter {
  /** Epoch milliseconds, inclusive. */
  readonly fromMs: number;
  /** Epoch milliseconds, exclusive. */
  readonly toMs: number;
  readonly model?: string;
  readonly group?: string;
  readonly deployment?: string;
  readonly provider?: string;
  /** Id of the API key. */
  readonly key?: string;
  readonly user?: string;
  readonly team?: string;
  readonly agent?: string;
  readonly tag?: string;
  readonly run?: string;
  /** `ok`, `error` (any), or the code of an error. */
  readonly status?: string;
  readonly operation?: string;
}

/** Sums over calls. A call that needed several attempts counts once for each. */
export interface UsageTotals {
  readonly requests: number;
  readonly errors: number;
  /** Answered by our own cache. */
  readonly cachedRequests: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cachedInputTokens: number;
  readonly cacheWriteTokens: number;
  readonly reasoningTokens: number;
  /** Known costs; `null` when there are only unknown ones. */
  readonly costUsd: number | null;
  /** Requests that used tokens of which nobody knows the price: they are not in the cost. */
  readonly unpricedRequests: number;
  /** Requests whose tokens we counted, because the upstream did not tell. */
  readonly estimatedRequests: number;
  /** Average of successful calls, milliseconds. */
  readonly latencyMs: number | null;
  /** Average time to the first token of successful calls, milliseconds. */
  readonly firstTokenMs: number | null;
}

export interface UsageGroup extends UsageTotals {
  /** Value of each grouping; `null` where the calls have none. */
  readonly by: Readonly<Partial<Record<UsageGrouping, string | null>>>;
  /** Name of the API key, when grouped by it. */
  readonly keyName?: string;
}

export interface UsageReport {
  readonly totals: UsageTotals;
  /** By time the oldest first, else the dearest first. A call with several tags is in the group of each. */
  readonly groups: readonly UsageGroup[];
  /** There are more groups than were asked for. */
  readonly truncated: boolean;
}

/** What calls of models used. Who lacks `usage:read` sees its own calls only. */
export interface UsageReports {
  report(
    scope: Scope,
    query: UsageFilter & { readonly groupBy: readonly UsageGrouping[]; readonly limit: number },
  ): Promise<UsageReport>;
  /** Single calls, the newest first. Error: `invalid_request` for a cursor that is none. */
  calls(
    scope: Scope,
    query: UsageFilter & { readonly limit: number; readonly cursor?: string },
  ): Promise<{ readonly items: readonly UsageRow[]; readonly next: string | null }>;
}
