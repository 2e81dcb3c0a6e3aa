import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FakeReceiver } from '../../../src/testing/channels.ts';
import { createMemoryApp } from '../../../src/testing/create-memory-app.ts';
import type { TestApp } from '../../../src/testing/create-test-app.ts';

const secret = 'a secret of at least 24 characters';
let receiver: FakeReceiver;
let app: TestApp;

beforeAll(async () => {
  receiver = await FakeReceiver.start();
  app = await createMemoryApp({
    env: { CALLBACK_SECRET: secret },
    files: {
      'agent33.yaml':
        'apiVersion: agent33/v1\nkind: Project\nmetadata: { name: test }\nspec: { models: { default: fake/model }, egress: { allow: [127.0.0.1] } }\n',
      'agents/support.yaml':
        'apiVersion: agent33/v1\nkind: Agent\nmetadata: { name: support }\nspec: { instructions: You help. }\n',
      'agents/sales.yaml':
        'apiVersion: agent33/v1\nkind: Agent\nmetadata: { name: sales }\nspec: { instructions: You sell. }\n',
      'workflows/echo.yaml':
        'apiVersion: agent33/v1\nkind: Workflow\nmetadata: { name: echo }\nspec:\n  inputs: { said: { type: string } }\n  steps: [ { id: say, action: transform, inputs: { template: "{{ inputs.said }}" } } ]\n',
      'channels/shop.yaml': [
        'apiVersion: agent33/v1',
        'kind: Channel',
        'metadata: { name: shop }',
        'spec:',
        '  platform: rest',
        '  agent: support',
        '  routes: [ { name: gold, metadataMatch: { plan: gold }, agent: sales } ]',
        '  callbacks: { hosts: [127.0.0.1], secret: "${CALLBACK_SECRET}" }',
      ].join('\n'),
      'channels/closed.yaml':
        'apiVersion: agent33/v1\nkind: Channel\nmetadata: { name: closed }\nspec: { platform: rest, agent: support, access: { users: [ada] } }\n',
    },
  });
}, 120_000);

afterAll(async () => {
  await app.stop();
  await receiver.stop();
});

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown> & { readonly run_id?: string; readonly session_id?: string };
}

async function say(body: object, headers: Record<string, string> = {}, channel = 'shop'): Promise<Answer> {
  const response = await app.request('POST', `/api/v1/channels/${channel}/messages`, body, headers);
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}

async function keyWith(...scopes: readonly string[]): Promise<Record<string, string>> {
  const response = await app.request('POST', '/api/v1/auth/keys', { name: 'k', scopes });
  return { 'x-api-key': ((await response.json()) as { key: string }).key };
}

it('waits for the answer, and goes on with the conversation of its user', async () => {
  const first = await say({ text: 'hello 👋', user_id: 'ada' });
  expect(first).toMatchObject({
    status: 200,
    body: { status: 'completed', response: 'ok', output: 'ok', target: { kind: 'agent', name: 'support' } },
  });
  const second = await say({ message: 'and again', user_id: 'ada' });
  expect(second.body.session_id).toBe(first.body.session_id);
  expect(app.fakeModel.calls.at(-1)?.messages.map(({ role }) => role)).toEqual([
    'system',
    'user',
    'assistant',
    'user',
  ]);
  const other = await say({ text: 'hello', user_id: 'bob' });
  expect(other.body.session_id).not.toBe(first.body.session_id);
  const named = await say({ text: 'hello', user_id: 'ada', conversation_id: 'ticket-1' });
  expect(new Set([first, other, named].map(({ body }) => body.session_id)).size).toBe(3);
  const stranger = await say(
    { text: 'hello', user_id: 'ada' },
    await keyWith('agents:invoke', 'tools:execute'),
  );
  expect(stranger.status).toBe(200);
  expect(stranger.body.session_id).not.toBe(first.body.session_id);
});

it('streams the events of the run', async () => {
  const response = await app.request('POST', '/api/v1/channels/shop/messages', { text: 'hi', stream: true });
  const text = await response.text();
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  expect([...text.matchAll(/^event: (.+)$/gm)].map(([, event]) => event)).toEqual(
    expect.arrayContaining(['run-start', 'text-delta', 'run-end', 'done']),
  );
  const done = /^event: done\ndata: (.+)$/m.exec(text)?.[1] ?? '';
  expect(JSON.parse(done)).toMatchObject({ status: 'completed', response: 'ok' });
});

it('answers later where the caller does not wait, and posts a signed callback', async () => {
  receiver.answers.push({ status: 503 });
  const callback = { url: `${receiver.url}/done?job=1` };
  const asked = await say(
    { text: 'later', user_id: 'ada', metadata: { order: 7 }, callback },
    { 'idempotency-key': 'job-1' },
  );
  expect(asked.status).toBe(202);
  const { run_id: runId } = asked.body;
  expect(asked.body).toMatchObject({
    status: 'queued',
    duplicate: false,
    links: { run: `/api/v1/runs/${runId}`, events: `/api/v1/runs/${runId}/events` },
  });
  const [, post] = await receiver.waitFor(2);
  if (post === undefined) throw new Error('no post');
  expect(post.path).toBe('/done?job=1');
  expect(JSON.parse(post.body)).toMatchObject({
    content: 'ok',
    status: 'completed',
    agent_id: 'support',
    metadata: { order: 7, run_id: runId },
  });
  const { headers, body } = post;
  const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`;
  expect(headers['webhook-signature']).toBe(
    `v1,${createHmac('sha256', secret).update(signed).digest('base64')}`,
  );
  expect(await (await app.request('GET', `/api/v1/runs/${runId}`)).json()).toMatchObject({
    status: 'completed',
  });
});

it('takes the same key for the same message, and refuses it for another', async () => {
  const before = app.fakeModel.calls.length;
  const key = { 'idempotency-key': 'once' };
  const [one, two] = await Promise.all([
    say({ text: 'pay', user_id: 'u' }, key),
    say({ text: 'pay', user_id: 'u' }, key),
  ]);
  expect([one.status, two.status]).toEqual([200, 200]);
  expect(two.body.run_id).toBe(one.body.run_id);
  expect(app.fakeModel.calls.length).toBe(before + 1);
  for (const changed of [
    { text: 'pay twice' },
    { user_id: 'v' },
    { conversation_id: 'c' },
    { metadata: { a: 1 } },
  ]) {
    const refused = await say({ text: 'pay', user_id: 'u', ...changed }, key);
    expect(refused).toMatchObject({ status: 422, body: { code: 'idempotency_mismatch' } });
  }
  const another = await say({ text: 'pay', user_id: 'u' }, { ...key, ...(await keyWith('agents:invoke')) });
  expect(another.body.run_id).not.toBe(one.body.run_id);
  expect(app.fakeModel.calls.length).toBe(before + 2);
});

it('goes by its rules, by the target that was named, and by the rights of the caller', async () => {
  expect((await say({ text: 'x', metadata: { plan: 'gold' } })).body['target']).toEqual({
    kind: 'agent',
    name: 'sales',
  });
  const worked = await say({ workflow: 'echo', inputs: { said: 'hi' } });
  expect(worked).toMatchObject({ status: 200, body: { target: { kind: 'workflow', name: 'echo' } } });
  expect(JSON.stringify(worked.body['output'])).toContain('hi');
  const agentsOnly = await keyWith('agents:invoke');
  expect(await say({ workflow: 'echo', inputs: { said: 'hi' } }, agentsOnly)).toMatchObject({
    status: 403,
    body: { code: 'forbidden' },
  });
  expect((await say({ text: 'x', agent: 'sales' }, agentsOnly)).status).toBe(200);
  expect((await say({ text: 'x' }, await keyWith('runs:read'))).status).toBe(403);
  expect((await say({ text: 'x', agent: 'nobody' })).status).toBe(404);
  expect(await say({ workflow: 'echo', inputs: { said: 7 } })).toMatchObject({
    status: 400,
    body: { detail: expect.stringContaining('inputs.said') as string },
  });
});

it('says what is wrong with a call', async () => {
  const cases: readonly (readonly [object, number, string])[] = [
    [{}, 400, 'text'],
    [{ text: ' ' }, 400, 'text'],
    [{ text: 'x', agent: 'support', team: 'crew' }, 400, 'agent'],
    [{ text: 'x', callback: { url: 'https://evil.example/x' } }, 400, 'evil.example'],
    [{ text: 'x', callback: { url: 'ftp://127.0.0.1/x' } }, 400, 'http'],
    [{ text: 'x', callback: { url: 'http://a:b@127.0.0.1/x' } }, 400, 'http'],
  ];
  for (const [body, status, part] of cases) {
    const refused = await say(body);
    expect(refused.status, JSON.stringify(body)).toBe(status);
    expect(JSON.stringify(refused.body)).toContain(part);
  }
  expect((await say({ text: 'x' }, {}, 'nowhere')).status).toBe(404);
  expect((await say({ text: 'x', user_id: 'bob' }, {}, 'closed')).status).toBe(403);
  expect((await say({ text: '/new', user_id: 'ada' }, {}, 'closed')).status).toBe(200);
  const listed = (await (await app.request('GET', '/api/v1/channels')).json()) as { items: object[] };
  expect(listed.items).toContainEqual(
    expect.objectContaining({ name: 'shop', status: 'up', webhook_path: '/api/v1/channels/shop/messages' }),
  );
  const messages = await (await app.request('GET', '/api/v1/channels/shop/messages')).json();
  expect(JSON.stringify(messages)).toContain('hello');
});
