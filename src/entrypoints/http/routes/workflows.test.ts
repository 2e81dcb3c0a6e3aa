import { describe, expect, it } from 'vitest';
import { AppError } from '../../../base/index.ts';
import type { FakeClock } from '../../../testing/fake-clock.ts';
import { asAdmin, openHttpGround, sseEvents } from '../../../testing/http-ground.ts';

const prefix = '/api/v1/workflows';
const definition = {
  apiVersion: 'agent33/v1',
  kind: 'Workflow',
  metadata: { name: 'weekly' },
  spec: {
    inputs: { topic: 'string' },
    steps: [
      { id: 'fetch', action: 'transform' },
      {
        id: 'both',
        action: 'parallel_group',
        dependsOn: ['fetch'],
        steps: [{ id: 'one', action: 'transform' }],
      },
    ],
    outputs: { result: '{{ steps.both.output }}' },
  },
};

async function open() {
  const ground = await openHttpGround();
  ground.runs.agents.push('weekly');
  ground.runs.script = ({ request }) => Promise.resolve({ done: request.input } as never);
  const call = (
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
    path = '',
    body?: object,
    headers: Record<string, string> = {},
  ) =>
    ground.app.inject({
      method,
      url: prefix + path,
      headers: { ...asAdmin, ...headers },
      ...(body === undefined ? {} : { body }),
    });
  return { ...ground, call };
}

describe('/api/v1/workflows', () => {
  it('lists, shows, creates, changes and deletes workflows', async () => {
    const { call } = await open();
    expect((await call('POST', '', definition)).statusCode).toBe(201);
    const summary = { name: 'weekly', steps: 3, inputs: { topic: 'string' }, outputs: ['result'] };
    expect((await call('GET')).json()).toMatchObject({ items: [summary] });
    expect((await call('GET', '/weekly')).json()).toMatchObject({
      ...summary,
      definition: { kind: 'Workflow' },
    });
    expect((await call('PATCH', '/weekly', { spec: { outputs: null } })).json()).toMatchObject({
      outputs: null,
    });
    expect((await call('DELETE', '/weekly')).statusCode).toBe(204);
    expect((await call('GET', '/weekly/graph')).statusCode).toBe(404);
  });

  it('tells what steps can do, what is wrong with a definition, and draws one', async () => {
    const { call } = await open();
    expect((await call('GET', '/actions')).json()).toEqual({
      items: [{ name: 'transform', description: 'Computes.', inputs: { type: 'object' }, output: {} }],
    });
    expect((await call('POST', '/validate', definition)).json()).toEqual({ valid: true, faults: [] });
    const faulty = { ...definition, spec: { steps: [{ id: 'a b', action: 'x' }] } };
    const { valid, faults } = (await call('POST', '/validate', faulty)).json<{
      valid: boolean;
      faults: { path: string; message: string }[];
    }>();
    expect([valid, faults.map((fault) => fault.path)]).toEqual([false, ['spec.steps.0.id']]);
    expect((await call('GET')).json()).toEqual({ items: [] });

    await call('POST', '', definition);
    expect((await call('GET', '/weekly/graph')).json()).toMatchObject({
      nodes: [
        { id: 'fetch', status: 'pending', started_at: null },
        { id: 'both', kind: 'parallel_group' },
      ],
      edges: [{ from: 'fetch', to: 'both', kind: 'then' }],
    });
    const drawn = await call('GET', '/weekly/graph?format=mermaid');
    expect(drawn.headers['content-type']).toContain('text/vnd.mermaid');
    expect(drawn.body).toBe('flowchart TD\n  fetch\n  both\n');
  });

  it('executes and waits for the output', async () => {
    const { call, runs } = await open();
    const answer = await call('POST', '/weekly/execute', {
      inputs: { topic: 'bees' },
      timeout: '10m',
      metadata: { ticket: 7 },
    });
    expect([answer.statusCode, answer.json()]).toEqual([
      200,
      {
        run_id: 'run_1',
        status: 'completed',
        output: expect.objectContaining({ done: { topic: 'bees' } }) as unknown,
        session_id: null,
        execution_time_ms: 5,
        usage: { input_tokens: 3, output_tokens: 2, cost_usd: 0.5 },
      },
    ]);
    expect(answer.headers['x-a33-run-id']).toBe('run_1');
    expect(runs.requests[0]).toMatchObject({
      source: 'http',
      target: { kind: 'workflow', name: 'weekly' },
      input: { topic: 'bees' },
      sessionKey: null,
      timeoutMs: 600_000,
      metadata: { ticket: 7 },
    });
    await call('POST', '/weekly/execute', { session_id: 'mine', timeout: 30 });
    expect(runs.requests[1]).toMatchObject({
      input: {},
      sessionKey: 'http:key:admin:mine',
      timeoutMs: 30_000,
    });
  });

  it('does not wait when told so, and leads a repeated request to the first run', async () => {
    const { call, runs } = await open();
    const send = () => call('POST', '/weekly/execute', { wait: false }, { 'idempotency-key': 'once' });
    const first = await send();
    expect([first.statusCode, first.headers['location'], first.json()]).toEqual([
      202,
      '/api/v1/runs/run_1',
      { run_id: 'run_1', status: 'queued', session_id: null, location: '/api/v1/runs/run_1' },
    ]);
    // By now it may be anything: the store is asked.
    expect((await send()).json()).toMatchObject({ run_id: 'run_1', status: 'completed' });
    expect(runs.requests).toHaveLength(1);
  });

  it.each([
    [{ wait: 2 }, 2000],
    [{}, 300_000],
  ])('answers 202 when the time of %j is over', async (body, milliseconds) => {
    const { call, clock, runs } = await open();
    runs.script = () => new Promise(() => {});
    const answer = call('POST', '/weekly/execute', body);
    await expect.poll(() => runs.requests.length).toBe(1);
    // The caller's wait begins right after the run is accepted.
    await new Promise(setImmediate);
    await (clock as FakeClock).advance(milliseconds - 1);
    await (clock as FakeClock).advance(1);
    expect([(await answer).statusCode, (await answer).json()]).toMatchObject([202, { run_id: 'run_1' }]);
  });

  it('answers with the problem of a run that failed, and its run', async () => {
    const { call, runs } = await open();
    runs.script = () => Promise.reject(new AppError('approval_rejected', 'step "pay": rejected'));
    const failed = await call('POST', '/weekly/execute', {});
    expect(failed.statusCode).toBeGreaterThanOrEqual(400);
    expect(failed.json()).toMatchObject({ code: 'approval_rejected', details: { run_id: 'run_1' } });
  });

  it('streams the events of the run, then its output', async () => {
    const { call } = await open();
    const events = sseEvents((await call('POST', '/weekly/execute', { stream: true })).body);
    expect(events.map(({ event }) => event)).toEqual(['run-start', 'run-end', 'done']);
    expect(JSON.parse(events.at(-1)?.data ?? '')).toMatchObject({ run_id: 'run_1', status: 'completed' });
  });

  it.each([
    [{ inputs: 'x' }, 'inputs'],
    [{ wait: -1 }, 'wait'],
    [{ timeout: 'soon' }, 'timeout'],
    [{ input: {} }, 'input'],
  ])('refuses %j', async (body, field) => {
    const { call } = await open();
    const refused = await call('POST', '/weekly/execute', body);
    expect(refused.statusCode).toBe(400);
    expect(refused.body).toContain(field);
  });
});
