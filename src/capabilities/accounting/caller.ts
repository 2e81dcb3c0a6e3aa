import type { Scope } from '../../protocol/index.ts';

/** On whose behalf a model is called: limits, budgets, tags and usage rows are kept for them. */
export interface ModelCaller {
  /** Tenant and principal; `key:<id>` for an API key. */
  readonly scope: Scope;
  /** Id of the HTTP request, or `<run id>:<step key>`. */
  readonly requestId: string;
  /** The end user for whom the principal speaks. */
  readonly user?: string;
  readonly agent?: string;
  readonly runId?: string;
  /** Tags of the request; those of key and team are added by the gateway. */
  readonly tags?: readonly string[];
  readonly userAgent?: string;
  /** The trace that the call belongs to, as the request says it (W3C Trace Context). */
  readonly trace?: { readonly traceparent: string; readonly tracestate?: string };
  /** Limits that come with the call itself, such as an agent's `limits.budgetUsd` for one run. */
  readonly limits?: readonly CallerLimit[];
}

/** Most of one thing that a subject may use. Absent means unlimited. */
export interface SubjectLimits {
  /** Calls within any 60 s. */
  readonly rpm?: number;
  /** Tokens, input and output, within any 60 s. */
  readonly tpm?: number;
  /** Calls at the same time. */
  readonly parallel?: number;
  readonly budgets?: readonly Budget[];
  /** What becomes of calls whose price nobody knows, where there are budgets. Default: `refuse`. */
  readonly unpriced?: 'refuse' | 'allow';
}

/** Money within a period; periods are aligned to the epoch in UTC (a week begins on Monday). */
export interface Budget {
  readonly usd: number;
  /** Milliseconds, `month` of the calendar, or `total`: never begins anew. */
  readonly period: number | 'month' | 'total';
}

/** Limits of one subject: `key:<id>`, `user:<name>`, `team:<name>`, `tenant`, `agent:<name>`, `run:<id>`. */
export interface CallerLimit {
  readonly subject: string;
  readonly limits: SubjectLimits;
}
