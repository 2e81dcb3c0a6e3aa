import { describe, expect, it } from 'vitest';
import { AppError } from '../../../base/index.ts';
import { FakeClock } from '../../../testing/fake-clock.ts';
import { asAdmin, openHttpGround, sseEvents } from '../../../testing/http-ground.ts';

type Ground = Awaited<ReturnType<typeof openHttpGround>>;

const chat = ({ app }: Ground, body: object, headers: Record<string, string> = {}) =>
  app.inject({ method: 'POST', url: '/api/v1/chat', headers: { ...asAdmin, ...headers }, body });

describe('POST /api/v1/chat', () => {
  it('answers by the default agent in a new session', async () => {
    const ground = await openHttpGround();
    ground.runs.script = () =>
      Promise.resolve({
        text: 'hi',
        citations: [{ id: 'a.md#L1', file: 'a.md', heading: '', line: 1, quote: 'q' }],
      });
    const response = await chat(ground, { message: 'hello' });
    expect(response.statusCode).toBe(200);
    expect(response.json()).toEqual({
      response: 'hi',
      output: 'hi',
      session_id: 'ses_000001',
      run_id: 'run_1',
      agent: 'helper',
      model: 'fake/model',
      status: 'completed',
      execution_time_ms: 5,
      usage: { input_tokens: 3, output_tokens: 2, cost_usd: 0.5 },
      citations: [{ id: 'a.md#L1', file: 'a.md', heading: '', line: 1, quote: 'q' }],
    });
    expect(response.headers).toMatchObject({ 'x-a33-run-id': 'run_1', 'x-a33-session-id': 'ses_000001' });
    expect(ground.runs.requests[0]).toEqual({
      source: 'http',
      target: { kind: 'agent', name: 'helper' },
      input: { message: 'hello' },
      sessionKey: 'ses_000001',
      dedupeKey: null,
      replyTo: null,
      timeoutMs: null,
      metadata: {},
    });
  });

  it('talks to a team, for those who may', async () => {
    const ground = await openHttpGround();
    ground.runs.agents.push('crew');
    const answer = await chat(ground, { message: 'hello', team: 'crew' });
    expect(answer.json()).toMatchObject({ team: 'crew', response: 'you said hello', members: [] });
    expect(answer.json()).not.toHaveProperty('agent');
    expect(ground.runs.requests[0]).toMatchObject({
      target: { kind: 'team', name: 'crew' },
      input: { message: 'hello' },
    });
    const both = await chat(ground, { message: 'hello', team: 'crew', agent: 'helper' });
    expect([both.statusCode, both.json()]).toMatchObject([
      400,
      { detail: expect.stringContaining('not both') as string },
    ]);
    const status = async (key: string, body: object) =>
      (await chat(ground, { message: 'x', ...body }, { 'x-api-key': `key-${key}` })).statusCode;
    expect(await status('agents:invoke', { team: 'crew' })).toBe(403);
    expect(await status('teams:invoke', { team: 'crew' })).toBe(200);
    expect(await status('teams:invoke', {})).toBe(403);
  });

  it('continues a session: its id as it is, a name of the caller’s own for this caller only', async () => {
    const ground = await openHttpGround();
    await chat(ground, { message: 'a', agent: 'other', session_id: 'ses_abc123' });
    await chat(ground, { message: 'b', session_id: 'my talk' });
    await chat(ground, { message: 'c', session_id: 'my talk' }, { 'x-api-key': 'key-agents:invoke' });
    expect(ground.runs.requests.map(({ sessionKey }) => sessionKey)).toEqual([
      'ses_abc123',
      'http:key:admin:my talk',
      'http:key:agents:invoke:my talk',
    ]);
    expect(ground.runs.requests[0]?.target.name).toBe('other');
    expect((await chat(ground, { message: 'd', session_id: 'ses_../x' })).statusCode).toBe(400);
  });

  it('answers a repeated Idempotency-Key with the first run, apart for each caller', async () => {
    const ground = await openHttpGround();
    const first = await chat(ground, { message: 'a' }, { 'idempotency-key': 'k1' });
    const again = await chat(ground, { message: 'a' }, { 'idempotency-key': 'k1' });
    expect(again.json()).toEqual(first.json());
    expect(ground.runs.requests).toHaveLength(1);
    await chat(ground, { message: 'a' }, { 'idempotency-key': 'k1', 'x-api-key': 'key-agents:invoke' });
    expect(ground.runs.requests).toHaveLength(2);
    const tooLong = await chat(ground, { message: 'a' }, { 'idempotency-key': 'x'.repeat(256) });
    expect(tooLong.statusCode).toBe(400);
  });

  it.each([
    [new AppError('model_unavailable', 'Ollama does not answer'), 503],
    [new AppError('timeout', 'over'), 504],
    [new AppError('cancelled', 'the run was cancelled'), 409],
  ])('answers a failed run with its own error and the run it was: %s', async (thrown, status) => {
    const ground = await openHttpGround();
    ground.runs.script = () => Promise.reject(thrown);
    const response = await chat(ground, { message: 'hello' });
    expect(response.statusCode).toBe(status);
    expect(response.json()).toMatchObject({
      code: thrown.code,
      detail: thrown.message,
      details: { run_id: 'run_1', session_id: 'ses_000001' },
    });
  });

  it('refuses an agent that does not exist', async () => {
    const ground = await openHttpGround();
    expect((await chat(ground, { message: 'hello', agent: 'nobody' })).statusCode).toBe(404);
  });

  it('tells a caller who has waited long enough where to look, and lets the run go on', async () => {
    const clock = new FakeClock();
    const ground = await openHttpGround({ clock, config: { API_WAIT_TIMEOUT_SECONDS: 10 } });
    ground.runs.script = () => new Promise(() => {});
    const waiting = chat(ground, { message: 'hello' });
    await clock.untilPending();
    await clock.advance(10_000);
    const response = await waiting;
    expect(response.statusCode).toBe(504);
    expect(response.json()).toMatchObject({ code: 'timeout', details: { run_id: 'run_1' } });
    expect(ground.runs.cancelled).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('sends a waiting caller away when the server stops', async () => {
    const clock = new FakeClock();
    const ground = await openHttpGround({ clock });
    ground.runs.script = () => new Promise(() => {});
    const waiting = chat(ground, { message: 'hello' });
    await clock.untilPending();
    ground.stopped.abort();
    expect((await waiting).statusCode).toBe(503);
  });

  it('streams the events of the run and the answer as the last one', async () => {
    const ground = await openHttpGround();
    ground.runs.script = ({ emit }) => {
      emit({ type: 'text-delta', step: 'model:1', text: 'line\nbreak' });
      return Promise.resolve('line\nbreak');
    };
    const response = await chat(ground, { message: 'hello', stream: true });
    expect(response.statusCode).toBe(200);
    expect(response.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-a33-run-id': 'run_1',
      'x-request-id': 'req_000001',
    });
    const events = sseEvents(response.body);
    expect(events.map(({ id, event }) => [id, event])).toEqual([
      ['1', 'run-start'],
      ['2', 'text-delta'],
      ['3', 'run-end'],
      [undefined, 'done'],
    ]);
    expect(JSON.parse(events[1]?.data ?? '')).toEqual({
      type: 'text-delta',
      step: 'model:1',
      text: 'line\nbreak',
    });
    expect(JSON.parse(events[3]?.data ?? '')).toMatchObject({ response: 'line\nbreak', run_id: 'run_1' });
  });

  it('ends a stream with the error of the run', async () => {
    const ground = await openHttpGround();
    ground.runs.script = () => Promise.reject(new AppError('model_unavailable', 'gone'));
    const events = sseEvents((await chat(ground, { message: 'hello', stream: true })).body);
    expect(events.map(({ event }) => event)).toEqual(['run-start', 'run-end', 'error']);
    expect(JSON.parse(events[2]?.data ?? '')).toMatchObject({ code: 'model_unavailable', run_id: 'run_1' });
  });

  it('answers what goes wrong before a stream begins with its status', async () => {
    const ground = await openHttpGround();
    const response = await chat(ground, { message: 'hello', agent: 'nobody', stream: true });
    expect(response.statusCode).toBe(404);
    expect(response.headers['content-type']).toContain('application/problem+json');
  });
});
