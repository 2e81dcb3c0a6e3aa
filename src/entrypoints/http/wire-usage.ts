import { z } from 'zod';
import type { UsageRow, UsageTotals } from '../../capabilities/accounting/index.ts';

const figures = {
  requests: z.number().describe('Attempts at a deployment, and answers of our own cache.'),
  errors: z.number(),
  cached_requests: z.number().describe('Answered by our own cache.'),
  input_tokens: z.number(),
  output_tokens: z.number(),
  total_tokens: z.number(),
  cached_input_tokens: z.number().describe("Of the input: from the provider's prompt cache."),
  cache_write_tokens: z.number().describe("Of the input: written to the provider's prompt cache."),
  reasoning_tokens: z.number().describe('Of the output: thought.'),
  cost_usd: z.number().nullable().describe('Known costs; null where no price is known at all.'),
  unpriced_requests: z
    .number()
    .describe('Requests that are not in the cost, because their price is unknown.'),
  estimated_requests: z.number().describe('Requests whose tokens the upstream did not tell.'),
  avg_latency_ms: z.number().nullable().describe('Of successful requests.'),
  avg_first_token_ms: z.number().nullable().describe('Of successful requests.'),
};

export const wireUsageReport = z
  .object({
    from: z.string(),
    to: z.string(),
    group_by: z.array(z.string()),
    totals: z.object(figures),
    groups: z.array(
      z.object({
        by: z
          .record(z.string(), z.string().nullable())
          .describe('Value of each grouping; null where there is none.'),
        key_name: z.string().optional(),
        ...figures,
      }),
    ),
    truncated: z.boolean().describe('There are more groups than `limit`.'),
  })
  .meta({ id: 'UsageReport' });

export const wireUsageCall = z
  .object({
    id: z.string(),
    at: z.string().describe('When it ended, ISO 8601, UTC.'),
    principal: z.string(),
    user: z.string().nullable(),
    team: z.string().nullable(),
    agent: z.string().nullable(),
    run_id: z.string().nullable(),
    request_id: z.string(),
    tags: z.array(z.string()),
    group: z.string(),
    deployment: z.string(),
    provider: z.string(),
    model: z.string(),
    operation: z.string(),
    stream: z.boolean(),
    status: z.string().describe('ok, or the code of the error.'),
    input_tokens: z.number(),
    output_tokens: z.number(),
    cached_input_tokens: z.number(),
    cache_write_tokens: z.number(),
    reasoning_tokens: z.number(),
    cost_usd: z.number().nullable().describe('null where the price is unknown.'),
    estimated: z.boolean(),
    duration_ms: z.number(),
    first_token_ms: z.number().nullable(),
    attempts: z.number(),
    cache: z.literal('hit').nullable(),
  })
  .meta({ id: 'UsageCall' });

/** Sums over calls as they are told. */
export function totalsToWire(totals: UsageTotals) {
  return {
    requests: totals.requests,
    errors: totals.errors,
    cached_requests: totals.cachedRequests,
    input_tokens: totals.inputTokens,
    output_tokens: totals.outputTokens,
    total_tokens: totals.inputTokens + totals.outputTokens,
    cached_input_tokens: totals.cachedInputTokens,
    cache_write_tokens: totals.cacheWriteTokens,
    reasoning_tokens: totals.reasoningTokens,
    cost_usd: totals.costUsd,
    unpriced_requests: totals.unpricedRequests,
    estimated_requests: totals.estimatedRequests,
    avg_latency_ms: totals.latencyMs,
    avg_first_token_ms: totals.firstTokenMs,
  };
}

/** One call as it is told. */
export function usageCallToWire(row: UsageRow): z.output<typeof wireUsageCall> {
  return {
    id: row.id,
    at: new Date(row.at).toISOString(),
    principal: row.principal,
    user: row.user ?? null,
    team: row.team ?? null,
    agent: row.agent ?? null,
    run_id: row.runId ?? null,
    request_id: row.requestId,
    tags: [...row.tags],
    group: row.group,
    deployment: row.deployment,
    provider: row.provider,
    model: row.model,
    operation: row.operation,
    stream: row.stream,
    status: row.status,
    input_tokens: row.inputTokens,
    output_tokens: row.outputTokens,
    cached_input_tokens: row.cachedInputTokens,
    cache_write_tokens: row.cacheWriteTokens,
    reasoning_tokens: row.reasoningTokens,
    cost_usd: row.costUsd,
    estimated: row.estimated,
    duration_ms: row.durationMs,
    first_token_ms: row.firstTokenMs ?? null,
    attempts: row.attempts,
    cache: row.cache,
  };
}
