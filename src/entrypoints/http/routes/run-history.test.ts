import { describe, expect, it } from 'vitest';
import { asAdmin, openHttpGround } from '../../../testing/http-ground.ts';

describe('what can be done with a run afterwards', async () => {
  const { app, runHistory } = await openHttpGround();
  const call = async (
    method: 'GET' | 'POST',
    url: string,
    body?: object,
    headers: Record<string, string> = asAdmin,
  ) => {
    const answer = await app.inject({ method, url, headers, ...(body === undefined ? {} : { body }) });
    return { status: answer.statusCode, body: answer.json<unknown>() };
  };

  it('replays, against the recorded definition unless told otherwise', async () => {
    expect(await call('POST', '/api/v1/runs/run_1/replay')).toEqual({
      status: 200,
      body: {
        run_id: 'run_1',
        against: 'recorded',
        identical: true,
        steps: 1,
        difference: null,
        definition_changes: [],
      },
    });
    expect(await call('POST', '/api/v1/runs/run_1/replay', { against: 'current' })).toMatchObject({
      body: { against: 'current' },
    });
    expect((await call('POST', '/api/v1/runs/run_1/replay', { against: 'x' })).status).toBe(400);
  });

  it('forks, resumes and retries into a new run', async () => {
    const request = { from: 'model:2', set: { 'inputs.x': null }, model: 'm', effects: true };
    const accepted = { status: 202, body: { run_id: 'run_2', session_id: null, origin_id: 'run_1' } };
    expect(await call('POST', '/api/v1/runs/run_1/fork', request)).toEqual(accepted);
    expect(runHistory.forks).toEqual([{ ...request, runId: 'run_1' }]);
    expect(await call('POST', '/api/v1/runs/run_1/resume')).toEqual(accepted);
    expect(await call('POST', '/api/v1/runs/run_1/retry')).toEqual(accepted);
    expect((await call('POST', '/api/v1/runs/run_1/fork', {})).status).toBe(400);
    expect((await call('POST', '/api/v1/runs/run_1/fork', { from: 'a', extra: 1 })).status).toBe(400);
  });

  it('compares and exports', async () => {
    expect(await call('GET', '/api/v1/runs/run_1/diff/run_2')).toMatchObject({
      status: 200,
      body: { a: { id: 'run_1' }, b: { id: 'run_2' }, steps: [] },
    });
    expect(await call('GET', '/api/v1/runs/run_1/cassette?redact_pii=true')).toMatchObject({
      status: 200,
      body: { format: 'agent33/cassette-v1', redaction: { pii: true } },
    });
  });

  it.each([
    ['POST', 'replay', 'runs:read'],
    ['GET', 'cassette', 'runs:read'],
    ['GET', 'diff/run_2', 'runs:read'],
    ['POST', 'fork', 'runs:write'],
    ['POST', 'resume', 'runs:write'],
    ['POST', 'retry', 'runs:write'],
  ] as const)('%s %s needs %s, and an existing run', async (method, verb, scope) => {
    const body = verb === 'fork' ? { from: 'a' } : undefined;
    const as = (key: string) => ({ 'x-api-key': key });
    const url = `/api/v1/runs/run_1/${verb}`;
    const other = scope === 'runs:read' ? 'sessions:read' : 'runs:read';
    expect((await call(method, url, body, as(`key-${other}`))).status).toBe(403);
    expect((await call(method, url, body, as(`key-${scope}`))).status).toBeLessThan(300);
    expect((await call(method, `/api/v1/runs/none/${verb}`, body)).status).toBe(404);
  });
});
