import type { UsageReports, UsageTotals } from '../capabilities/accounting/index.ts';
import type { Scope } from '../protocol/index.ts';
import { usageRow } from './usage-row.ts';

const totals: UsageTotals = {
  requests: 3,
  errors: 1,
  cachedRequests: 0,
  inputTokens: 300,
  outputTokens: 30,
  cachedInputTokens: 100,
  cacheWriteTokens: 0,
  reasoningTokens: 5,
  costUsd: 0.25,
  unpricedRequests: 1,
  estimatedRequests: 0,
  latencyMs: 120.5,
  firstTokenMs: null,
};

/** Reports with the same figures for everybody; `queries` are those that were asked. */
export class FakeUsage implements UsageReports {
  readonly queries: { readonly scope: Scope; readonly query: object }[] = [];

  report(...[scope, query]: Parameters<UsageReports['report']>): ReturnType<UsageReports['report']> {
    this.queries.push({ scope, query });
    const [grouping] = query.groupBy;
    const groups = grouping === undefined ? [] : [{ by: { [grouping]: 'one' }, keyName: 'ci', ...totals }];
    return Promise.resolve({ totals, groups, truncated: false });
  }

  calls(...[scope, query]: Parameters<UsageReports['calls']>): ReturnType<UsageReports['calls']> {
    this.queries.push({ scope, query });
    return Promise.resolve({ items: [usageRow({ id: 'u1', team: 'red', costUsd: null })], next: 'more' });
  }
}
