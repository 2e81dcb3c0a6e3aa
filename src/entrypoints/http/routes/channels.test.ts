import { beforeEach, expect, it } from 'vitest';
import { routeDefinition } from '../../../protocol/index.ts';
import { asAdmin, openHttpGround } from '../../../testing/http-ground.ts';

let ground: Awaited<ReturnType<typeof openHttpGround>>;
beforeEach(async () => {
  ground = await openHttpGround();
});

const call = (method: 'GET' | 'POST' | 'DELETE', path: string, payload?: object) =>
  ground.app.inject({
    method,
    url: `/api/v1${path}`,
    headers: asAdmin,
    ...(payload === undefined ? {} : { payload }),
  });

it('shows channels and what went through them', async () => {
  const channels = await call('GET', '/channels');
  expect(channels.json()).toMatchObject({
    items: [
      { name: 'telegram', status: 'up', webhook_path: '/webhooks/telegram/telegram', last_out_at: null },
    ],
  });
  const messages = await call('GET', '/channels/telegram/messages?limit=1');
  expect(messages.json()).toMatchObject({ items: [{ direction: 'in', text: 'hello', chat_id: '7' }] });
  expect((await call('GET', '/channels/other/messages')).statusCode).toBe(404);
});

it('sends a test only where a chat is named', async () => {
  expect((await call('POST', '/channels/telegram/test', {})).json()).toMatchObject({ status: 'up' });
  expect(ground.channels.sent).toEqual([]);
  await call('POST', '/channels/telegram/test', { chat_id: '7' });
  expect(ground.channels.sent).toEqual([{ chatId: '7', text: 'This is a test.' }]);
});

it('tries again what waits', async () => {
  const tried = await call('POST', '/channels/telegram/retry');
  expect([tried.statusCode, tried.json()]).toEqual([200, { retried: 3 }]);
  expect((await call('POST', '/channels/other/retry')).statusCode).toBe(404);
});

it('pairs, invites and unpairs', async () => {
  expect((await call('GET', '/channels/telegram/pairings')).json()).toMatchObject({
    pending: [{ user_id: '7' }],
    paired: [],
  });
  expect((await call('POST', '/channels/telegram/pairings/approve', { code: '111111' })).statusCode).toBe(
    404,
  );
  const approved = await call('POST', '/channels/telegram/pairings/approve', { code: '123456' });
  expect(approved.json()).toMatchObject({ user_id: '7', paired_by: expect.stringContaining('key') });
  const invited = await call('POST', '/channels/telegram/pairings', { user_id: '8' });
  expect([invited.statusCode, invited.json()]).toEqual([201, { code: '654321' }]);
  expect((await call('DELETE', '/channels/telegram/pairings/7')).statusCode).toBe(204);
  expect(ground.channels.paired).toEqual([]);
});

it('lets programs say something only with a permission to call something', async () => {
  const say = (key: string, payload: object) =>
    ground.app.inject({
      method: 'POST',
      url: '/api/v1/channels/telegram/messages',
      headers: { 'x-api-key': key },
      payload,
    });
  expect((await say('key-runs:read,channels:write', { text: 'x' })).statusCode).toBe(403);
  const refused = await say('key-workflows:invoke', { text: 'x' });
  expect([refused.statusCode, refused.json()]).toMatchObject([400, { detail: 'this channel is for people' }]);
  for (const odd of [
    {},
    { text: 7 },
    { text: 'x', wait: -1 },
    { text: 'x', unknown: 1 },
    { text: 'x', callback: {} },
  ])
    expect((await say('key-admin', odd)).statusCode, JSON.stringify(odd)).toBe(400);
});

it('asks for permission', async () => {
  const { app } = ground;
  expect((await app.inject({ method: 'GET', url: '/api/v1/channels' })).statusCode).toBe(401);
});

it('says which rule a message follows, and why not the others', async () => {
  const route = (name: string, spec: object) =>
    routeDefinition.parse({ apiVersion: 'agent33/v1', kind: 'Route', metadata: { name }, spec });
  ground.router.apply({
    routes: [
      route('code', { priority: 5, contentPattern: '^/code', agent: 'coder' }),
      route('slack', { source: 'slack', team: 'crew' }),
    ],
    channels: [],
    defaultAgent: 'helper',
  });
  const answer = await call('POST', '/routes/test', { source: 'slack', content: 'hello' });
  expect(answer.json()).toEqual({
    target: { kind: 'team', name: 'crew' },
    reason: 'rule',
    rule: 'slack',
    considered: [
      {
        rule: 'code',
        priority: 5,
        target: { kind: 'agent', name: 'coder' },
        outcome: 'no-match',
        failed: 'contentPattern',
      },
      {
        rule: 'slack',
        priority: 0,
        target: { kind: 'team', name: 'crew' },
        outcome: 'chosen',
        failed: null,
      },
    ],
  });
  const byDefault = await call('POST', '/routes/test', {});
  expect(byDefault.json()).toMatchObject({ target: { name: 'helper' }, reason: 'default', rule: null });
});
