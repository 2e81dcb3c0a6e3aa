import { describe, expect, it } from 'vitest';
import { asAdmin, openHttpGround, sseEvents } from '../../../testing/http-ground.ts';

describe('/api/v1/runs', () => {
  it('lists runs and shows one with its journal', async () => {
    const { app } = await openHttpGround();
    const get = async (url: string) => (await app.inject({ url, headers: asAdmin })).json<unknown>();
    const run = {
      id: 'run_1',
      target: { kind: 'agent', name: 'helper' },
      status: 'completed',
      session_id: 'ses_1',
      waiting_for: [],
      created_at: '2026-01-01T00:00:00.000Z',
    };
    expect(await get('/api/v1/runs?limit=5&status=completed&agent=helper&cursor=c')).toMatchObject({
      items: [run],
      next: 'c',
    });
    expect(await get('/api/v1/runs/run_1')).toMatchObject({
      ...run,
      input: { message: 'hello' },
      output: { text: 'hi' },
    });
    expect(await get('/api/v1/runs/run_1/steps')).toMatchObject({
      items: [{ key: 'model:1', kind: 'model', duration_ms: 1500 }],
    });
    const outputs = async (query: string) =>
      ((await get(`/api/v1/runs/run_1/steps${query}`)) as { items: { output: unknown }[] }).items.map(
        ({ output }) => output,
      );
    const marker = { $blob: 'runs/run_1/x-1', bytes: 70_000 };
    expect(await outputs('')).toEqual([marker]);
    expect(await outputs('?full=false')).toEqual([marker]);
    expect(await outputs('?full=true')).toEqual(['all of it']);
    expect(await get('/api/v1/runs/run_1/steps?full=perhaps')).toMatchObject({ status: 400 });
    expect(await get('/api/v1/runs/none/steps')).toMatchObject({ status: 404 });
  });

  it('cancels and signals', async () => {
    const { app, runs } = await openHttpGround();
    await app.inject({ method: 'POST', url: '/api/v1/chat', headers: asAdmin, body: { message: 'x' } });
    const post = (url: string, body?: object) =>
      app.inject({ method: 'POST', url, headers: asAdmin, ...(body === undefined ? {} : { body }) });
    expect((await post('/api/v1/runs/run_1/cancel')).statusCode).toBe(202);
    expect(runs.cancelled).toEqual(['run_1']);
    const signalled = await post('/api/v1/runs/run_1/signals', { name: 'go', payload: [1] });
    expect([signalled.statusCode, signalled.json()]).toEqual([202, { id: 'sig_000001' }]);
    await post('/api/v1/runs/run_1/signals', { id: 'mine', name: 'go' });
    expect(runs.signals).toEqual([
      { runId: 'run_1', id: 'sig_000001', name: 'go', payload: [1] },
      { runId: 'run_1', id: 'mine', name: 'go', payload: null },
    ]);
    expect((await post('/api/v1/runs/run_9/cancel')).statusCode).toBe(404);
  });

  it('streams events from where the watcher was', async () => {
    const { app, runs } = await openHttpGround();
    runs.script = ({ emit }) => {
      for (const text of ['a', 'b']) emit({ type: 'text-delta', step: 'model:1', text });
      return Promise.resolve('ab');
    };
    await app.inject({ method: 'POST', url: '/api/v1/chat', headers: asAdmin, body: { message: 'x' } });
    const watch = async (query: string, headers: Record<string, string> = {}) =>
      sseEvents(
        (await app.inject({ url: `/api/v1/runs/run_1/events${query}`, headers: { ...asAdmin, ...headers } }))
          .body,
      ).map(({ id, event }) => `${id} ${event}`);
    const all = ['1 run-start', '2 text-delta', '3 text-delta', '4 run-end'];
    expect(await watch('')).toEqual(all);
    expect(await watch('?after=2')).toEqual(all.slice(2));
    expect(await watch('?after=1', { 'last-event-id': '3' })).toEqual(all.slice(3));
  });

  it('answers a wrong cursor and an unknown run with their status', async () => {
    const { app } = await openHttpGround();
    const watch = (url: string, headers: Record<string, string> = {}) =>
      app.inject({ url, headers: { ...asAdmin, ...headers } });
    expect((await watch('/api/v1/runs/none/events')).statusCode).toBe(404);
    expect((await watch('/api/v1/runs/run_1/events', { 'last-event-id': 'x' })).statusCode).toBe(400);
    expect((await watch('/api/v1/runs/run_1/events?after=-1')).statusCode).toBe(400);
  });

  it('ends the streams of watchers when the server begins to stop', async () => {
    const { app, runs, closing } = await openHttpGround();
    let begun = (): void => {};
    const running = new Promise<void>((resolve) => {
      begun = resolve;
    });
    runs.script = () => {
      begun();
      return new Promise(() => {});
    };
    void app.inject({
      method: 'POST',
      url: '/v1/chat/completions',
      headers: asAdmin,
      body: { model: 'helper', messages: [{ role: 'user', content: 'x' }] },
    });
    await running;
    const watching = app.inject({ url: '/api/v1/runs/run_1/events', headers: asAdmin });
    closing.abort();
    expect((await watching).statusCode).toBe(200);
  });
});
