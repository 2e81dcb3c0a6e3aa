import { sql, type RawBuilder } from 'kysely';
import { hasScope, type Scope } from '../../protocol/index.ts';
import type { UsageFilter } from './usage-reports.ts';

/** Filters that are one column each. */
const columns = {
  model: 'model',
  group: 'model_group',
  deployment: 'deployment',
  provider: 'provider',
  user: 'user_name',
  team: 'team',
  agent: 'agent',
  run: 'run_id',
  operation: 'operation',
} as const;

/** The condition of a filter: the tenant always, and of others' calls nothing without `usage:read`. */
export function usageCondition(scope: Scope, filter: UsageFilter): RawBuilder<unknown> {
  const parts = [
    sql`tenant = ${scope.tenant}`,
    sql`at >= ${new Date(filter.fromMs)}`,
    sql`at < ${new Date(filter.toMs)}`,
  ];
  if (!hasScope(scope, 'usage:read')) parts.push(sql`principal = ${scope.principal}`);
  for (const [name, column] of Object.entries(columns)) {
    const wanted = filter[name as keyof typeof columns];
    if (wanted !== undefined) parts.push(sql`${sql.ref(column)} = ${wanted}`);
  }
  if (filter.key !== undefined) parts.push(sql`principal = ${`key:${filter.key}`}`);
  if (filter.tag !== undefined) parts.push(sql`tags @> ${JSON.stringify([filter.tag])}::jsonb`);
  if (filter.status === 'error') parts.push(sql`status <> 'ok'`);
  else if (filter.status !== undefined) parts.push(sql`status = ${filter.status}`);
  return sql.join(parts, sql` and `);
}
