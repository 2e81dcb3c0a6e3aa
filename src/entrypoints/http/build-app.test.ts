import { describe, expect, it } from 'vitest';
import { AppError } from '../../base/index.ts';
import { asAdmin, openHttpGround } from '../../testing/http-ground.ts';

type Ground = Awaited<ReturnType<typeof openHttpGround>>;

const post = ({ app }: Ground, url: string, body: unknown, headers: Record<string, string> = {}) =>
  app.inject({
    method: 'POST',
    url,
    headers: { ...asAdmin, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
  });

describe('errors over HTTP', () => {
  it('are problems with code, request id and the fields at fault', async () => {
    const ground = await openHttpGround();
    const response = await post(
      ground,
      '/api/v1/chat',
      { message: 5, agnet: 'x' },
      { 'x-request-id': 'mine-1' },
    );
    expect(response.statusCode).toBe(400);
    expect(response.headers['content-type']).toContain('application/problem+json');
    expect(response.headers['x-request-id']).toBe('mine-1');
    expect(response.json()).toEqual({
      type: 'urn:agent33:error:invalid_request',
      title: 'Bad Request',
      status: 400,
      detail: expect.stringContaining('message:') as string,
      code: 'invalid_request',
      request_id: 'mine-1',
      retryable: false,
      issues: [
        { in: 'body', path: 'message', message: expect.stringContaining('string') as string },
        { in: 'body', path: 'agnet', message: 'is not a known field' },
      ],
    });
  });

  it('name faults in queries and paths too', async () => {
    const { app } = await openHttpGround();
    const response = await app.inject({ url: '/api/v1/runs?limit=0&colour=red', headers: asAdmin });
    expect(response.json<{ issues: { in: string; path: string }[] }>().issues).toMatchObject([
      { in: 'querystring', path: 'limit' },
      { in: 'querystring', path: 'colour' },
    ]);
  });

  it.each<[string, string | Buffer, number, string]>([
    ['broken JSON', '{"message":', 400, 'column 12'],
    ['no body', '', 400, ''],
    ['bad UTF-8', Buffer.from([0x22, 0xc3, 0x28, 0x22]), 400, 'UTF-8'],
    ['a bomb', `${'['.repeat(5000)}${']'.repeat(5000)}`, 400, 'nested'],
    ['pollution', '{"message":"x","__proto__":{"a":1}}', 400, '__proto__'],
    ['too much', JSON.stringify({ message: 'x'.repeat(3000) }), 413, 'API_BODY_LIMIT_BYTES'],
  ])('say what is wrong with %s', async (_what, body, status, words) => {
    const ground = await openHttpGround({ config: { API_BODY_LIMIT_BYTES: 2048 } });
    const limited = status === 413 ? ground : await openHttpGround();
    const response = await post(limited, '/api/v1/chat', body);
    expect(response.statusCode).toBe(status);
    expect(response.json<{ detail: string }>().detail).toContain(words);
    expect(limited.runs.requests).toEqual([]);
  });

  it('tell an unknown address from a wrong method', async () => {
    const { app } = await openHttpGround();
    const unknown = await app.inject({ url: '/api/v1/nothing' });
    expect([unknown.statusCode, unknown.json<{ code: string }>().code]).toEqual([404, 'not_found']);
    const wrong = await app.inject({ method: 'PUT', url: '/api/v1/runs/run_1/cancel' });
    expect([wrong.statusCode, wrong.headers['allow']]).toEqual([405, 'POST']);
    expect(wrong.json()).toMatchObject({ code: 'method_not_allowed' });
    const agent = await app.inject({ method: 'POST', url: '/api/v1/agents/helper' });
    expect(agent.headers['allow']).toBe('GET, PUT, PATCH, DELETE');
  });

  it('never tell what is ours to know: the log has it', async () => {
    const ground = await openHttpGround();
    ground.agents.list = () => Promise.reject(new Error('connect to postgres://user:hunter2@db failed'));
    const response = await ground.app.inject({ url: '/api/v1/agents', headers: asAdmin });
    expect(response.statusCode).toBe(500);
    expect(response.body).not.toMatch(/hunter2|postgres|\.ts|at /);
    expect(response.json()).toMatchObject({ code: 'internal', request_id: 'req_000001' });
    const [line] = ground.logger.lines.filter(({ level }) => level === 'error');
    expect(line).toMatchObject({
      message: 'request failed',
      fields: { request_id: 'req_000001', route: '/api/v1/agents' },
    });
  });

  it('pass on when to come again', async () => {
    const ground = await openHttpGround();
    ground.agents.list = () =>
      Promise.reject(new AppError('rate_limited', 'slow down', { details: { retryAfterMs: 1500 } }));
    const response = await ground.app.inject({ url: '/api/v1/agents', headers: asAdmin });
    expect([response.statusCode, response.headers['retry-after']]).toEqual([429, '2']);
  });

  it('take only harmless request ids', async () => {
    const { app } = await openHttpGround();
    const response = await app.inject({ url: '/healthz', headers: { 'x-request-id': 'a b"c' } });
    expect(response.headers['x-request-id']).toBe('req_000001');
  });
});

describe('the record of requests', () => {
  it('has one line and one measurement for each, by route and not by address', async () => {
    const { app, logger, deps } = await openHttpGround();
    await app.inject({ url: '/api/v1/runs/run_7', headers: asAdmin });
    await app.inject({ url: '/api/v1/runs/nothing', headers: asAdmin });
    await app.inject('/healthz');
    await app.inject('/nowhere');
    const lines = logger.lines.filter(({ message }) => message === 'request');
    expect(lines.map(({ level, fields }) => [level, fields['route'], fields['status']])).toEqual([
      ['info', '/api/v1/runs/:id', 200],
      ['info', '/api/v1/runs/:id', 404],
      ['debug', '/healthz', 200],
      ['info', 'none', 404],
    ]);
    expect(lines[0]?.fields).toMatchObject({
      method: 'GET',
      principal: 'key:admin',
      request_id: 'req_000001',
    });
    const text = await deps.metrics.registry.metrics();
    expect(text).toContain('route="/api/v1/runs/:id",method="GET",status="200"');
    expect(text).not.toContain('run_7');
  });
});
