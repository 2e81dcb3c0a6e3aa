import { describe, expect, it } from 'vitest';
import { asAdmin, openHttpGround, sseEvents } from '../../../testing/http-ground.ts';

const prefix = '/api/v1/teams';
const definition = (name: string, mode = 'collaborate') => ({
  apiVersion: 'agent33/v1',
  kind: 'Team',
  metadata: { name, description: 'works together' },
  spec: { mode, members: ['helper', { team: 'inner', name: 'both' }], lead: 'other' },
});

async function open() {
  const ground = await openHttpGround();
  ground.runs.agents.push('crew');
  const call = (
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path = '',
    body?: object,
    headers = {},
  ) =>
    ground.app.inject({
      method,
      url: prefix + path,
      headers: { ...asAdmin, ...headers },
      ...(body === undefined ? {} : { body }),
    });
  return { ...ground, call };
}

describe('/api/v1/teams', () => {
  it('lists, shows, creates, replaces, changes and deletes teams', async () => {
    const { call } = await open();
    const created = await call('POST', '', definition('crew'));
    expect([created.statusCode, created.headers['location']]).toEqual([201, `${prefix}/crew`]);
    const summary = {
      name: 'crew',
      description: 'works together',
      labels: {},
      mode: 'collaborate',
      lead: 'other',
      members: [
        { name: 'helper', agent: 'helper' },
        { name: 'both', team: 'inner' },
      ],
      origin: { kind: 'api', version: 1 },
      hash: 'hash-crew',
      updated_at: '2026-01-01T00:00:00.000Z',
    };
    expect((await call('GET')).json()).toEqual({ items: [summary] });
    expect((await call('GET', '/crew')).json()).toMatchObject({
      ...summary,
      definition: { kind: 'Team', spec: { mode: 'collaborate' } },
    });
    expect((await call('POST', '', definition('crew'))).statusCode).toBe(409);
    expect((await call('PUT', '/crew', definition('crew', 'route'))).json()).toMatchObject({ mode: 'route' });
    const patched = await call('PATCH', '/crew', { spec: { mode: 'handoff', lead: null } });
    expect(patched.json()).toMatchObject({ mode: 'handoff', lead: null, members: summary.members });
    expect((await call('PATCH', '/crew', { spec: { mode: 'dance' } })).statusCode).toBe(422);
    expect((await call('DELETE', '/crew')).statusCode).toBe(204);
    expect((await call('GET', '/crew')).statusCode).toBe(404);
  });

  it('invokes and executes, with who did what', async () => {
    const { call, runs } = await open();
    const members = [{ name: 'helper', run_id: 'run_9', status: 'completed', cost_usd: null }];
    const work = { mode: 'handoff', answered_by: 'helper', path: ['both', 'helper'] };
    runs.script = () => Promise.resolve({ text: 'we said', members, team: work } as never);
    const invoked = await call('POST', '/crew/invoke', { message: 'hello' });
    expect(invoked.json()).toMatchObject({
      response: 'we said',
      team: 'crew',
      ...work,
      members,
      status: 'completed',
      session_id: 'ses_000001',
    });
    expect(invoked.json()).not.toHaveProperty('agent');
    const executed = await call('POST', '/crew/execute', {
      input: { message: 'go', city: 'Rome' },
      session_id: 'ses_x1',
    });
    expect(executed.json()).toMatchObject({ team: 'crew', session_id: 'ses_x1' });
    expect(runs.requests.map(({ target, input }) => [target, input])).toEqual([
      [{ kind: 'team', name: 'crew' }, { message: 'hello' }],
      [
        { kind: 'team', name: 'crew' },
        { message: 'go', variables: { city: 'Rome' } },
      ],
    ]);
    const streamed = sseEvents((await call('POST', '/crew/invoke', { message: 'x', stream: true })).body);
    expect(JSON.parse(streamed.at(-1)?.data ?? '')).toMatchObject({ team: 'crew', response: 'we said' });
  });

  it('tells what went wrong, and asks for its permissions', async () => {
    const { call, app } = await open();
    expect((await call('POST', '/crwe/invoke', { message: 'x' })).statusCode).toBe(404);
    expect((await call('POST', '/crew/execute', { input: {} })).statusCode).toBe(400);
    const asked = async (key: string) =>
      (
        await app.inject({
          method: 'POST',
          url: `${prefix}/crew/invoke`,
          headers: { 'x-api-key': key },
          body: { message: 'x' },
        })
      ).statusCode;
    expect([await asked('key-agents:invoke'), await asked('key-teams:invoke')]).toEqual([403, 200]);
  });
});
