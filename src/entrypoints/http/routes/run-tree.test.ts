import { describe, expect, it } from 'vitest';
import { asAdmin, openHttpGround, sseEvents } from '../../../testing/http-ground.ts';

async function open() {
  const ground = await openHttpGround();
  const get = (url: string, headers: Record<string, string> = {}) =>
    ground.app.inject({ url, headers: { ...asAdmin, ...headers } });
  return { ...ground, get };
}

describe('what a run is made of', () => {
  it('is a graph of its journal and its children', async () => {
    const { get } = await open();
    expect((await get('/api/v1/runs/run_1/graph')).json()).toEqual({
      run_id: 'run_1',
      target: { kind: 'agent', name: 'helper' },
      status: 'completed',
      nodes: [
        {
          id: 'model:1',
          label: 'fast',
          kind: 'model',
          status: 'completed',
          started_at: '2026-01-01T00:00:00.000Z',
          ended_at: '2026-01-01T00:00:01.500Z',
          attempts: 1,
        },
        {
          id: 'tool:1:0',
          label: 'other',
          kind: 'run',
          status: 'running',
          started_at: '2026-01-01T00:00:02.000Z',
          ended_at: null,
          attempts: 1,
          run_id: 'run_2',
        },
      ],
      edges: [{ from: 'model:1', to: 'tool:1:0', kind: 'then' }],
    });
    expect((await get('/api/v1/runs/none/graph')).statusCode).toBe(404);
  });

  it('is a tree of runs', async () => {
    const { get } = await open();
    expect((await get('/api/v1/runs/run_1/tree')).json()).toMatchObject({
      root: {
        run_id: 'run_1',
        status: 'completed',
        step: null,
        children: [{ run_id: 'run_2', step: 'tool:1:0', status: 'running', children: [] }],
      },
      truncated: false,
    });
    expect((await get('/api/v1/runs/none/tree')).statusCode).toBe(404);
  });

  it('is told as events that name their run, resumable by their id', async () => {
    const { app, get, runs } = await open();
    runs.script = ({ emit }) => {
      emit({ type: 'text-delta', step: 'model:1', text: 'a' });
      return Promise.resolve('a');
    };
    await app.inject({ method: 'POST', url: '/api/v1/chat', headers: asAdmin, body: { message: 'x' } });
    const address = '/api/v1/runs/run_1/events?tree=true';
    const all = sseEvents((await get(address)).body);
    expect(all.map(({ id, event }) => `${id} ${event}`)).toEqual([
      'run_1:1 run-start',
      'run_1:2 text-delta',
      'run_1:3 run-end',
    ]);
    expect(JSON.parse(all[1]?.data ?? '')).toEqual({
      run_id: 'run_1',
      sequence: 2,
      at: '1970-01-01T00:00:00.000Z',
      event: { type: 'text-delta', step: 'model:1', text: 'a' },
    });
    const rest = sseEvents((await get(address, { 'last-event-id': 'run_1:2' })).body);
    expect(rest.map(({ id }) => id)).toEqual(['run_1:3']);
    expect(sseEvents((await get(`${address}&after=run_1:2`)).body)).toEqual(rest);
    expect((await get(address, { 'last-event-id': '2' })).statusCode).toBe(400);
    expect((await get('/api/v1/runs/run_1/events', { 'last-event-id': 'run_1:2' })).statusCode).toBe(400);
    expect((await get('/api/v1/runs/none/events?tree=true')).statusCode).toBe(404);
  });

  it('names the processes that work', async () => {
    const { get } = await open();
    expect((await get('/api/v1/workers')).json()).toEqual({
      items: [
        {
          id: 'wrk_1',
          host: 'here',
          pid: 7,
          roles: ['runs'],
          version: '1.2.3',
          concurrency: 50,
          active_runs: 2,
          alive: true,
          started_at: '2026-01-01T00:00:00.000Z',
          heartbeat_at: '2026-01-01T00:00:00.000Z',
          heartbeat_age_ms: 40,
        },
      ],
    });
  });
});
