import { sql, type RawBuilder, type Selectable } from 'kysely';
import { AppError } from '../../base/index.ts';
import type { ModelUsageTable, Storage } from '../../platform/storage/index.ts';
import type { Scope } from '../../protocol/index.ts';
import { fromColumns } from './usage-columns.ts';
import { usageCondition } from './usage-filter.ts';
import type { UsageGroup, UsageGrouping, UsageReports, UsageTotals } from './usage-reports.ts';

/** What each grouping is in SQL. */
const expressions: Readonly<Record<UsageGrouping, RawBuilder<string | null>>> = {
  day: sql`to_char(at at time zone 'UTC', 'YYYY-MM-DD')`,
  hour: sql`to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24":00:00Z"')`,
  model: sql`model`,
  group: sql`model_group`,
  deployment: sql`deployment`,
  provider: sql`provider`,
  key: sql`case when principal like 'key:%' then substr(principal, 5) end`,
  user: sql`user_name`,
  team: sql`team`,
  agent: sql`agent`,
  tag: sql`tag`,
  run: sql`run_id`,
  status: sql`status`,
  operation: sql`operation`,
};

const figures = sql`
  count(*) as requests,
  count(*) filter (where status <> 'ok') as errors,
  count(*) filter (where cache is not null) as cached_requests,
  coalesce(sum(input_tokens), 0) as input_tokens,
  coalesce(sum(output_tokens), 0) as output_tokens,
  coalesce(sum(cached_input_tokens), 0) as cached_input_tokens,
  coalesce(sum(cache_write_tokens), 0) as cache_write_tokens,
  coalesce(sum(reasoning_tokens), 0) as reasoning_tokens,
  sum(cost_usd) as cost_usd,
  count(*) filter (where cost_usd is null and input_tokens + output_tokens > 0) as unpriced_requests,
  count(*) filter (where estimated) as estimated_requests,
  avg(duration_ms) filter (where status = 'ok' and cache is null) as latency_ms,
  avg(first_token_ms) filter (where status = 'ok' and cache is null) as first_token_ms`;

interface FigureRow {
  readonly requests: number;
  readonly errors: number;
  readonly cached_requests: number;
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly cached_input_tokens: number;
  readonly cache_write_tokens: number;
  readonly reasoning_tokens: number;
  readonly cost_usd: number | null;
  readonly unpriced_requests: number;
  readonly estimated_requests: number;
  readonly latency_ms: number | null;
  readonly first_token_ms: number | null;
}

function toTotals(row: FigureRow): UsageTotals {
  return {
    requests: row.requests,
    errors: row.errors,
    cachedRequests: row.cached_requests,
    inputTokens: row.input_tokens,
    outputTokens: row.output_tokens,
    cachedInputTokens: row.cached_input_tokens,
    cacheWriteTokens: row.cache_write_tokens,
    reasoningTokens: row.reasoning_tokens,
    costUsd: row.cost_usd ?? (row.unpriced_requests > 0 ? null : 0),
    unpricedRequests: row.unpriced_requests,
    estimatedRequests: row.estimated_requests,
    latencyMs: row.latency_ms,
    firstTokenMs: row.first_token_ms,
  };
}

function encodeCursor(row: { at: Date; id: string }): string {
  return Buffer.from(JSON.stringify([row.at.getTime(), row.id])).toString('base64url');
}

function decodeCursor(cursor: string): { at: Date; id: string } {
  try {
    const [at, id] = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')) as unknown[];
    if (typeof at === 'number' && typeof id === 'string' && Math.abs(at) <= 8.64e15)
      return { at: new Date(at), id };
  } catch {
    // Answered below as every other wrong one.
  }
  throw new AppError('invalid_request', 'cursor: expected the "next" value of an earlier page');
}

/** Usage out of the database. `flush` brings what is still in memory there first, as far as it can. */
export function createUsageReports(deps: {
  readonly storage: Storage;
  readonly flush: () => Promise<void>;
}): UsageReports {
  const { storage, flush } = deps;

  const namesOfKeys = async (
    scope: Scope,
    groups: readonly UsageGroup[],
  ): Promise<ReadonlyMap<string, string>> => {
    const ids = groups.flatMap(({ by }) => (typeof by.key === 'string' ? [by.key] : []));
    if (ids.length === 0) return new Map();
    const rows = await storage.db
      .selectFrom('api_keys')
      .select(['id', 'name'])
      .where('tenant', '=', scope.tenant)
      .where('id', 'in', [...new Set(ids)])
      .execute();
    return new Map(rows.map(({ id, name }) => [id, name]));
  };

  const groupsOf = async (
    scope: Scope,
    query: Parameters<UsageReports['report']>[1],
  ): Promise<readonly UsageGroup[]> => {
    const { groupBy, limit } = query;
    if (groupBy.length === 0) return [];
    const values = groupBy.map((name, index) => sql`${expressions[name]} as ${sql.ref(`g${index}`)}`);
    const places = groupBy.map((_name, index) => sql.raw(String(index + 1)));
    const isTime = groupBy[0] === 'day' || groupBy[0] === 'hour';
    const order = isTime
      ? sql.join(places)
      : sql`sum(cost_usd) desc nulls last, sum(input_tokens + output_tokens) desc, ${sql.join(places)}`;
    const tags = groupBy.includes('tag')
      ? sql`left join lateral jsonb_array_elements_text(tags) as t (tag) on true`
      : sql``;
    const { rows } = await sql<FigureRow & Record<`g${number}`, string | null>>`
      select ${sql.join(values)}, ${figures}
      from model_usage ${tags}
      where ${usageCondition(scope, query)}
      group by ${sql.join(places)}
      order by ${order}
      limit ${limit + 1}`.execute(storage.db);
    return rows.map((row) => ({
      by: Object.fromEntries(groupBy.map((name, index) => [name, row[`g${index}`] ?? null])),
      ...toTotals(row),
    }));
  };

  return {
    async report(scope, query) {
      await flush();
      const totals = await sql<FigureRow>`
        select ${figures} from model_usage where ${usageCondition(scope, query)}`.execute(storage.db);
      const [sum] = totals.rows;
      if (sum === undefined) throw new AppError('internal', 'a sum without a row');
      const found = await groupsOf(scope, query);
      const groups = found.slice(0, query.limit);
      const names = await namesOfKeys(scope, groups);
      return {
        totals: toTotals(sum),
        groups: groups.map((group) => {
          const keyName = names.get(group.by.key ?? '');
          return keyName === undefined ? group : { ...group, keyName };
        }),
        truncated: found.length > query.limit,
      };
    },

    async calls(scope, query) {
      await flush();
      const after = query.cursor === undefined ? undefined : decodeCursor(query.cursor);
      const older = after === undefined ? sql`` : sql`and (at, id) < (${after.at}::timestamptz, ${after.id})`;
      const { rows } = await sql<Selectable<ModelUsageTable>>`
        select * from model_usage
        where ${usageCondition(scope, query)} ${older}
        order by at desc, id desc
        limit ${query.limit + 1}`.execute(storage.db);
      const items = rows.slice(0, query.limit);
      const last = items.at(-1);
      return {
        items: items.map(fromColumns),
        next: rows.length > query.limit && last !== undefined ? encodeCursor(last) : null,
      };
    },
  };
}
