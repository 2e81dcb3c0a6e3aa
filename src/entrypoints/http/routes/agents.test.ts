import { describe, expect, it } from 'vitest';
import { asAdmin, openHttpGround } from '../../../testing/http-ground.ts';

const definition = (name: string) => ({
  apiVersion: 'agent33/v1',
  kind: 'Agent',
  metadata: { name, labels: { team: 'care' } },
  spec: { description: 'new', model: { name: 'fake/fast' }, tools: ['clock'] },
});

describe.each(['/api/v1/agents', '/api/agents'])('%s', (prefix) => {
  async function open() {
    const ground = await openHttpGround();
    const call = (method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path = '', body?: object) =>
      ground.app.inject({
        method,
        url: prefix + path,
        headers: asAdmin,
        ...(body === undefined ? {} : { body }),
      });
    return { ...ground, call };
  }

  it('lists, shows, creates, replaces, changes and deletes agents', async () => {
    const { call } = await open();
    const listed = (await call('GET')).json<{ items: { name: string }[] }>();
    expect(listed.items.map(({ name }) => name)).toEqual(['helper', 'other']);
    expect(listed.items[0]).toEqual({
      name: 'helper',
      description: 'is helper',
      model: null,
      tools: [],
      labels: {},
      origin: { kind: 'api', version: 1 },
      hash: 'hash-helper',
      updated_at: '2026-01-01T00:00:00.000Z',
    });

    const created = await call('POST', '', definition('fresh'));
    expect([created.statusCode, created.headers['location']]).toEqual([201, `${prefix}/fresh`]);
    expect((await call('POST', '', definition('fresh'))).statusCode).toBe(409);
    expect((await call('POST', '', { kind: 'Agent' })).statusCode).toBe(422);
    const shown = (await call('GET', '/fresh')).json<{ definition: { spec: object } }>();
    expect(shown).toMatchObject({
      name: 'fresh',
      model: 'fake/fast',
      tools: ['clock'],
      labels: { team: 'care' },
    });
    expect(shown.definition.spec).toMatchObject({ description: 'new' });

    const replaced = definition('fresh');
    replaced.spec.description = 'replaced';
    expect((await call('PUT', '/fresh', replaced)).json()).toMatchObject({ description: 'replaced' });
    const patched = await call('PATCH', '/fresh', { spec: { description: 'patched', model: null } });
    expect(patched.json()).toMatchObject({ description: 'patched', model: null, tools: ['clock'] });

    expect((await call('DELETE', '/fresh')).statusCode).toBe(204);
    expect((await call('GET', '/fresh')).statusCode).toBe(404);
  });

  it('invokes and executes by text or by object', async () => {
    const { call, runs } = await open();
    const invoked = await call('POST', '/other/invoke', { message: 'hello' });
    expect(invoked.json()).toMatchObject({ response: 'you said hello', agent: 'other', status: 'completed' });
    runs.script = () => Promise.resolve({ text: '{"n":1}', object: { n: 1 } });
    const executed = await call('POST', '/other/execute', {
      input: { message: 'go', city: 'Rome' },
      session_id: 'ses_x1',
      metadata: { ticket: 7 },
      stream: false,
    });
    expect(executed.json()).toMatchObject({
      output: { n: 1 },
      response: '{"n":1}',
      session_id: 'ses_x1',
      run_id: 'run_2',
      status: 'completed',
      execution_time_ms: 5,
    });
    await call('POST', '/other/execute', { input: 'plain' });
    await call('POST', '/other/execute', { input: { city: 'Rome' } });
    expect(runs.requests.slice(1).map(({ input, metadata }) => ({ input, metadata }))).toEqual([
      { input: { message: 'go', variables: { city: 'Rome' } }, metadata: { ticket: 7 } },
      { input: { message: 'plain' }, metadata: {} },
      { input: { message: '{"city":"Rome"}', variables: { city: 'Rome' } }, metadata: {} },
    ]);
    expect((await call('POST', '/other/execute', { input: {} })).statusCode).toBe(400);
    expect((await call('POST', '/nobody/execute', { input: 'x' })).statusCode).toBe(404);
  });
});
