import { describe, expect, it } from 'vitest';
import { asAdmin, openHttpGround } from '../../../testing/http-ground.ts';

const dayMs = 86_400_000;

async function ground() {
  const { app, usage, clock } = await openHttpGround();
  const get = (path: string, headers: Record<string, string> = asAdmin) =>
    app.inject({ url: `/api/v1/usage${path}`, headers });
  return { get, usage, now: clock.now() };
}

describe('GET /api/v1/usage', () => {
  it('sums up the last thirty days', async () => {
    const { get, usage, now } = await ground();
    const body = (await get('?group_by=key')).json() as Record<string, unknown>;
    const figures = {
      requests: 3,
      errors: 1,
      cached_requests: 0,
      input_tokens: 300,
      output_tokens: 30,
      total_tokens: 330,
      cached_input_tokens: 100,
      cache_write_tokens: 0,
      reasoning_tokens: 5,
      cost_usd: 0.25,
      unpriced_requests: 1,
      estimated_requests: 0,
      avg_latency_ms: 120.5,
      avg_first_token_ms: null,
    };
    expect(body).toEqual({
      from: new Date(now - 30 * dayMs).toISOString(),
      to: new Date(now + 1).toISOString(),
      group_by: ['key'],
      totals: figures,
      groups: [{ by: { key: 'one' }, key_name: 'ci', ...figures }],
      truncated: false,
    });
    expect(usage.queries[0]?.query).toEqual({
      fromMs: now - 30 * dayMs,
      toMs: now + 1,
      groupBy: ['key'],
      limit: 100,
    });
  });

  it('takes times, durations, groupings and filters', async () => {
    const { get, usage, now } = await ground();
    await get('?from=7d&to=2025-12-31&group_by=day,model&limit=5&model=gpt-5&tag=eu&status=error&run=run_1');
    expect(usage.queries[0]?.query).toEqual({
      fromMs: now - 7 * dayMs,
      toMs: Date.UTC(2025, 11, 31),
      groupBy: ['day', 'model'],
      limit: 5,
      model: 'gpt-5',
      tag: 'eu',
      status: 'error',
      run: 'run_1',
    });
    await get('?from=2025-12-31T10:00:00');
    expect(usage.queries[1]?.query).toMatchObject({ fromMs: Date.UTC(2025, 11, 31, 10) });
  });

  it('refuses what it does not know', async () => {
    const { get } = await ground();
    for (const query of [
      '?from=yesterday',
      '?group_by=colour',
      '?group_by=day,hour,model,key',
      '?limit=0',
      '?colour=red',
    ])
      expect((await get(query)).statusCode, query).toBe(400);
    expect((await get('', {})).statusCode).toBe(401);
  });

  it('is open to every key: what it sees is decided by its permissions', async () => {
    const { get, usage } = await ground();
    expect((await get('', { 'x-api-key': 'key-none' })).statusCode).toBe(200);
    expect(usage.queries[0]?.scope).toMatchObject({ principal: 'key:none', scopes: [] });
  });
});

it('GET /api/v1/usage/calls lists single calls page by page', async () => {
  const { get, usage } = await ground();
  const response = await get('/calls?limit=1&cursor=here&key=key_1');
  expect(response.json()).toMatchObject({
    items: [
      {
        id: 'u1',
        at: '2026-01-01T00:00:00.000Z',
        team: 'red',
        user: null,
        cost_usd: null,
        first_token_ms: 50,
        cache: null,
      },
    ],
    next: 'more',
  });
  expect(usage.queries[0]?.query).toMatchObject({ limit: 1, cursor: 'here', key: 'key_1' });
});
