import { createHmac, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FakeReceiver } from '../../../src/testing/channels.ts';
import { createMemoryApp } from '../../../src/testing/create-memory-app.ts';
import type { TestApp } from '../../../src/testing/create-test-app.ts';

const secret = 'a-secret-of-the-test';
const answerSecret = `whsec_${Buffer.from('0123456789abcdef01234567').toString('base64')}`;

let receiver: FakeReceiver;
let app: TestApp;

const channel = (name: string, lines: readonly string[]) => ({
  [`channels/${name}.yaml`]: [
    'apiVersion: agent33/v1',
    'kind: Channel',
    `metadata: { name: ${name} }`,
    'spec:',
    '  platform: webhook',
    ...lines.map((line) => `  ${line}`),
  ].join('\n'),
});

const workflow = {
  'workflows/deploy.yaml': [
    'apiVersion: agent33/v1',
    'kind: Workflow',
    'metadata: { name: deploy }',
    'spec:',
    '  inputs: { ref: { type: string } }',
    '  steps: [ { id: say, action: transform, inputs: { template: "{{ inputs.ref }}" } } ]',
  ].join('\n'),
};

beforeAll(async () => {
  receiver = await FakeReceiver.start();
  app = await createMemoryApp({
    env: { HOOK_SECRET: secret, ANSWER_SECRET: answerSecret },
    files: {
      'agent33.yaml':
        'apiVersion: agent33/v1\nkind: Project\nmetadata: { name: test }\nspec: { models: { default: fake/model }, egress: { allow: [127.0.0.1] } }\n',
      'agents/support.yaml':
        'apiVersion: agent33/v1\nkind: Agent\nmetadata: { name: support }\nspec: { instructions: You help. }\n',
      ...workflow,
      'sensors/push.yaml':
        'apiVersion: agent33/v1\nkind: Sensor\nmetadata: { name: push }\nspec: { type: event, config: { name: external.github.push }, start: { workflow: deploy }, inputs: { ref: "{{ event.payload.ref }}" } }\n',
      ...channel('github', [
        'signature: { scheme: github, secret: "${HOOK_SECRET}" }',
        'publish: "external.github.{{ event }}"',
      ]),
      ...channel('alerts', [
        'agent: support',
        'signature: { scheme: hmac, header: x-signature, secret: [an-older-secret, "${HOOK_SECRET}"] }',
        'message: { text: "{{ body.title }}: {{ body.text }}", userId: body.user.id, conversationId: $.thread, messageId: /id }',
        'when: body.kind != "debug"',
        `reply: { url: "${receiver.url}/answers", secret: "\${ANSWER_SECRET}", headers: { x-tenant: acme }, hmac: { header: X-Hub-Signature-256, prefix: "sha256=", secret: "\${HOOK_SECRET}" } }`,
      ]),
      ...channel('fan', [
        'signature: { scheme: token, secret: "${HOOK_SECRET}" }',
        'targets: [ { agent: support }, { workflow: deploy }, { agent: nobody } ]',
        'inputs: { ref: "{{ body.ref }}" }',
      ]),
    },
  });
}, 120_000);

afterAll(async () => {
  await app.stop();
  await receiver.stop();
});

const sign = (body: string, key = secret): string => createHmac('sha256', key).update(body).digest('hex');

async function call(name: string, body: object, headers: (text: string) => Record<string, string>) {
  const text = JSON.stringify(body);
  const response = await fetch(new URL(`/webhooks/webhook/${name}`, app.url), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers(text) },
    body: text,
  });
  const answer = await response.text();
  return {
    status: response.status,
    body: answer === '' ? null : (JSON.parse(answer) as Record<string, unknown>),
  };
}

const asGithub = (event: string, delivery: string) => (text: string) => ({
  'x-hub-signature-256': `sha256=${sign(text)}`,
  'x-github-event': event,
  'x-github-delivery': delivery,
});
const asAlert = (text: string) => ({ 'x-signature': sign(text) });
const withToken = () => ({ authorization: `Bearer ${secret}` });

interface ShownRun {
  readonly id: string;
  readonly status: string;
  readonly source: string;
  readonly target: { readonly kind: string; readonly name: string };
}

async function runsOf(filter: string): Promise<readonly ShownRun[]> {
  const { items } = (await (await app.request('GET', `/api/v1/runs?${filter}`)).json()) as {
    items: readonly ShownRun[];
  };
  return items;
}

async function untilEnded(id: string): Promise<Record<string, unknown>> {
  const events = await app.request('GET', `/api/v1/runs/${id}/events`);
  // The stream ends with the run.
  await events.text();
  return (await (await app.request('GET', `/api/v1/runs/${id}`)).json()) as Record<string, unknown>;
}

it('publishes a verified push as an event, once, and a workflow works on it', async () => {
  const delivery = randomUUID();
  const push = { ref: 'refs/heads/main 👋', commits: [] };
  const first = await call('github', push, asGithub('push', delivery));
  expect(first).toEqual({
    status: 202,
    body: {
      status: 'accepted',
      id: delivery,
      event: { name: 'external.github.push', status: 'published' },
      runs: [],
    },
  });
  const again = await call('github', push, asGithub('push', delivery));
  expect([again.status, again.body?.['status']]).toEqual([200, 'duplicate']);
  let started: readonly ShownRun[] = [];
  await expect
    .poll(async () => (started = await runsOf('target=deploy&target_kind=workflow')).length, {
      timeout: 30_000,
    })
    .toBe(1);
  const ended = await untilEnded(started[0]?.id ?? '');
  expect(ended).toMatchObject({ status: 'completed', input: { ref: 'refs/heads/main 👋' } });
  expect((await call('github', push, () => ({ 'x-github-event': 'push' }))).status).toBe(401);
});

it('answers a call to its receiver, signed, after a 5xx and a 429', async () => {
  receiver.answers.push({ status: 500 }, { status: 429, headers: { 'retry-after': '1' } });
  const alert = { id: 'a1', kind: 'alert', thread: 't1', user: { id: 7 }, title: 'disk', text: 'full 👋' };
  const taken = await call('alerts', alert, asAlert);
  expect(taken).toMatchObject({ status: 202, body: { id: 'a1', runs: [{ status: 'submitted' }] } });
  const runId = (taken.body?.['runs'] as { run_id: string }[] | undefined)?.[0]?.run_id;
  const got = await receiver.waitFor(3);
  const [first, , last] = got;
  if (first === undefined || last === undefined) throw new Error('no posts');
  expect(new Set(got.map((post) => post.headers['webhook-id'])).size).toBe(1);
  expect(last.body).toBe(first.body);
  expect(JSON.parse(last.body)).toMatchObject({
    request_id: 'a1',
    content: 'ok',
    content_type: 'text',
    status: 'completed',
    agent_id: 'support',
    metadata: { run_id: runId },
  });
  const { headers, body } = last;
  const key = Buffer.from(answerSecret.slice('whsec_'.length), 'base64');
  const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`;
  expect(headers['webhook-signature']).toBe(
    `v1,${createHmac('sha256', key).update(signed).digest('base64')}`,
  );
  expect(headers['x-hub-signature-256']).toBe(`sha256=${sign(body)}`);
  expect(headers['x-tenant']).toBe('acme');
  expect(JSON.stringify(app.fakeModel.calls)).toContain('disk: full 👋');

  const twice = await call('alerts', alert, asAlert);
  expect(twice).toMatchObject({ status: 200, body: { status: 'duplicate', runs: [{ run_id: runId }] } });
  const next = await call('alerts', { ...alert, id: 'a2', text: 'empty' }, (text) => ({
    'x-signature': sign(text, 'an-older-secret'),
  }));
  expect(next.status).toBe(202);
  await receiver.waitFor(4);
  const [one, two] = await runsOf('target=support');
  expect((one as unknown as { session_id: string }).session_id).toBe(
    (two as unknown as { session_id: string }).session_id,
  );
});

it('says why a call is not taken in', async () => {
  const before = (await runsOf('target=support')).length;
  expect(await call('alerts', { id: 'b1', kind: 'debug' }, asAlert)).toEqual({
    status: 200,
    body: { status: 'ignored', reason: 'when: body.kind != "debug" does not hold' },
  });
  const missing = await call('alerts', { id: 'b2', kind: 'alert', title: 'x' }, asAlert);
  expect(missing).toMatchObject({ status: 422, body: { status: 'rejected' } });
  expect(missing.body?.['reason']).toMatch(/^message\.text: .*body\.text/);
  expect((await call('alerts', { id: 'b3', kind: 'alert' }, () => ({ 'x-signature': '00' }))).status).toBe(
    401,
  );
  const unreadable = await fetch(new URL('/webhooks/webhook/alerts', app.url), {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-signature': sign('{') },
    body: '{',
  });
  expect(unreadable.status).toBe(400);
  expect((await runsOf('target=support')).length).toBe(before);
});

it('starts targets side by side, and one that cannot start disturbs no other', async () => {
  const { status, body } = await call('fan', { ref: 'v1', text: 'hello' }, withToken);
  expect(status).toBe(202);
  const runs = body?.['runs'] as { status: string; run_id?: string; target: unknown; error?: unknown }[];
  expect(runs).toMatchObject([
    { status: 'submitted', target: { kind: 'agent', name: 'support' } },
    { status: 'submitted', target: { kind: 'workflow', name: 'deploy' } },
    { status: 'rejected', target: { kind: 'agent', name: 'nobody' }, error: { code: 'not_found' } },
  ]);
  for (const run of runs.slice(0, 2)) {
    expect(await untilEnded(run.run_id ?? '')).toMatchObject({ status: 'completed' });
  }
  const again = await call('fan', { ref: 'v1', text: 'hello' }, withToken);
  expect(again.body?.['runs']).toMatchObject([
    { status: 'duplicate', run_id: runs[0]?.run_id },
    { status: 'duplicate', run_id: runs[1]?.run_id },
    { status: 'rejected' },
  ]);
});

it('posts what waits at once when it is told to', async () => {
  receiver.answers.push({ status: 503 });
  const before = receiver.posts.length;
  await call(
    'alerts',
    { id: 'r1', kind: 'alert', thread: 't9', user: { id: 7 }, title: 'x', text: 'y' },
    asAlert,
  );
  await receiver.waitFor(before + 1);
  const began = Date.now();
  const retry = async (): Promise<unknown> =>
    (await app.request('POST', '/api/v1/channels/alerts/retry')).json();
  await expect.poll(retry).toEqual({ retried: 1 });
  await receiver.waitFor(before + 2);
  // The schedule says five seconds.
  expect(Date.now() - began).toBeLessThan(4_500);
});
