import type { UsageRow } from '../capabilities/accounting/index.ts';

/** A successful call of a cheap model, with whatever differs. */
export function usageRow(different: Partial<UsageRow> & { readonly id: string }): UsageRow {
  return {
    at: Date.UTC(2026, 0, 1),
    tenant: 'default',
    principal: 'key:key_1',
    user: undefined,
    team: undefined,
    agent: undefined,
    runId: undefined,
    requestId: `req-${different.id}`,
    tags: [],
    group: 'chat',
    deployment: 'dep-1',
    provider: 'openai',
    model: 'gpt-5-mini',
    operation: 'chat',
    stream: false,
    status: 'ok',
    inputTokens: 100,
    outputTokens: 10,
    cachedInputTokens: 0,
    cacheWriteTokens: 0,
    reasoningTokens: 0,
    costUsd: 0.001,
    estimated: false,
    durationMs: 200,
    firstTokenMs: 50,
    attempts: 1,
    cache: null,
    ...different,
  };
}
