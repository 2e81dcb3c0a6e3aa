import type { Selectable } from 'kysely';
import type { ModelUsageTable } from '../../platform/storage/index.ts';
import type { ModelOperation } from './accounting.ts';
import type { UsageRow } from './usage-row.ts';

/** Columns of `model_usage` with their types, in the order in which rows are written. */
export const usageColumns = {
  tenant: 'text',
  at: 'timestamptz',
  id: 'text',
  principal: 'text',
  user_name: 'text',
  team: 'text',
  agent: 'text',
  run_id: 'text',
  request_id: 'text',
  tags: 'jsonb',
  model_group: 'text',
  deployment: 'text',
  provider: 'text',
  model: 'text',
  operation: 'text',
  stream: 'boolean',
  status: 'text',
  input_tokens: 'bigint',
  output_tokens: 'bigint',
  cached_input_tokens: 'bigint',
  cache_write_tokens: 'bigint',
  reasoning_tokens: 'bigint',
  cost_usd: 'double precision',
  estimated: 'boolean',
  duration_ms: 'double precision',
  first_token_ms: 'double precision',
  attempts: 'integer',
  cache: 'text',
} as const satisfies Record<keyof ModelUsageTable, string>;

const longestText = 300;

/** A text that every database takes: without NUL and halves of characters, and not endless. */
function clean(text: string): string {
  return text.slice(0, longestText).replaceAll('\0', '').toWellFormed();
}

function cleanOrNull(text: string | undefined): string | null {
  return text === undefined ? null : clean(text);
}

function count(value: number): number {
  return Number.isFinite(value) ? Math.max(0, Math.round(value)) : 0;
}

function finite(value: number): number {
  return Number.isFinite(value) ? value : 0;
}

/** A usage row as the database takes it, as JSON. */
export function toColumns(row: UsageRow): Record<keyof typeof usageColumns, unknown> {
  return {
    tenant: row.tenant,
    at: new Date(row.at).toISOString(),
    id: clean(row.id),
    principal: clean(row.principal),
    user_name: cleanOrNull(row.user),
    team: cleanOrNull(row.team),
    agent: cleanOrNull(row.agent),
    run_id: cleanOrNull(row.runId),
    request_id: clean(row.requestId),
    tags: row.tags.map(clean),
    model_group: clean(row.group),
    deployment: clean(row.deployment),
    provider: clean(row.provider),
    model: clean(row.model),
    operation: row.operation,
    stream: row.stream,
    status: clean(row.status),
    input_tokens: count(row.inputTokens),
    output_tokens: count(row.outputTokens),
    cached_input_tokens: count(row.cachedInputTokens),
    cache_write_tokens: count(row.cacheWriteTokens),
    reasoning_tokens: count(row.reasoningTokens),
    cost_usd: row.costUsd,
    estimated: row.estimated,
    duration_ms: finite(row.durationMs),
    first_token_ms: row.firstTokenMs === undefined ? null : finite(row.firstTokenMs),
    attempts: count(row.attempts),
    cache: row.cache,
  };
}

/** A row of the table as a usage row. */
export function fromColumns(row: Selectable<ModelUsageTable>): UsageRow {
  return {
    id: row.id,
    at: row.at.getTime(),
    tenant: row.tenant,
    principal: row.principal,
    user: row.user_name ?? undefined,
    team: row.team ?? undefined,
    agent: row.agent ?? undefined,
    runId: row.run_id ?? undefined,
    requestId: row.request_id,
    tags: row.tags,
    group: row.model_group,
    deployment: row.deployment,
    provider: row.provider,
    model: row.model,
    operation: row.operation as ModelOperation,
    stream: row.stream,
    status: row.status,
    inputTokens: row.input_tokens,
    outputTokens: row.output_tokens,
    cachedInputTokens: row.cached_input_tokens,
    cacheWriteTokens: row.cache_write_tokens,
    reasoningTokens: row.reasoning_tokens,
    costUsd: row.cost_usd,
    estimated: row.estimated,
    durationMs: row.duration_ms,
    firstTokenMs: row.first_token_ms ?? undefined,
    attempts: row.attempts,
    cache: row.cache === 'hit' ? 'hit' : null,
  };
}
