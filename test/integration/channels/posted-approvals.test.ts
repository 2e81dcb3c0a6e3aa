import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { FakeReceiver, type ReceivedPost } from '../../../src/testing/channels.ts';
import { createTestApp, type TestApp } from '../../../src/testing/create-test-app.ts';

const secret = 'a secret of at least 24 characters';
let receiver: FakeReceiver;
let app: TestApp;

const channel = (name: string, ...lines: readonly string[]) => ({
  [`channels/${name}.yaml`]: [
    'apiVersion: agent33/v1',
    'kind: Channel',
    `metadata: { name: ${name} }`,
    'spec:',
    ...lines.map((line) => `  ${line}`),
  ].join('\n'),
});

const hook = (name: string, more = '') =>
  channel(
    name,
    'platform: webhook',
    'workflow: pay',
    'signature: { scheme: none }',
    'message: { messageId: body.id }',
    'inputs: { to: "{{ body.to }}" }',
    `reply: { url: "${receiver.url}/${name}", secret: "\${ANSWER_SECRET}"${more} }`,
  );

beforeAll(async () => {
  receiver = await FakeReceiver.start();
  app = await createTestApp({
    env: { ANSWER_SECRET: secret },
    files: {
      'agent33.yaml':
        'apiVersion: agent33/v1\nkind: Project\nmetadata: { name: test }\nspec: { models: { default: fake/model }, egress: { allow: [127.0.0.1] } }\n',
      'agents/support.yaml':
        'apiVersion: agent33/v1\nkind: Agent\nmetadata: { name: support }\nspec: { instructions: You help. }\n',
      'workflows/pay.yaml': [
        'apiVersion: agent33/v1',
        'kind: Workflow',
        'metadata: { name: pay }',
        'spec:',
        '  inputs: { to: { type: string } }',
        '  steps:',
        '    - id: pay',
        '      action: emit_output',
        '      inputs: { values: { to: "{{ inputs.to }}" } }',
        '      approval: { title: "Pay?", message: "It is a lot.", deadline: 1h, default: reject }',
      ].join('\n'),
      'workflows/plan.yaml': [
        'apiVersion: agent33/v1',
        'kind: Workflow',
        'metadata: { name: plan }',
        'spec:',
        '  steps:',
        '    - id: day',
        '      action: approval',
        '      inputs: { question: "Which day?", answer_schema: { type: string } }',
        '  outputs: { day: "{{ steps.day.output.answer }}" }',
      ].join('\n'),
      ...hook('orders'),
      ...hook('quiet', ', approvals: false'),
      ...channel(
        'shop',
        'platform: rest',
        'agent: support',
        'callbacks: { hosts: [127.0.0.1], secret: "${ANSWER_SECRET}" }',
      ),
    },
  });
}, 120_000);

afterAll(async () => {
  await app.stop();
  await receiver.stop();
});

beforeEach(() => {
  receiver.posts.length = 0;
});

interface Event {
  readonly type: string;
  readonly id: string;
  readonly request_id: string;
  readonly status: string;
  readonly approval: { readonly id: string; readonly code: string; readonly arguments_hash: string };
  readonly links: { readonly decision: string };
  readonly metadata: { readonly run_id: string };
}

const eventOf = (post: ReceivedPost | undefined): Event => {
  if (post === undefined) throw new Error('nothing was posted');
  return JSON.parse(post.body) as Event;
};

function assertSigned({ headers, body }: ReceivedPost): void {
  const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`;
  const digest = createHmac('sha256', secret).update(signed).digest('base64');
  expect(headers['webhook-signature']).toBe(`v1,${digest}`);
}

async function call(name: string, body: object): Promise<string> {
  const response = await fetch(new URL(`/webhooks/webhook/${name}`, app.url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(202);
  const { runs } = (await response.json()) as { runs: readonly { run_id: string }[] };
  return runs[0]?.run_id ?? '';
}

async function decide(event: Event, decision: string): Promise<void> {
  const response = await app.request('POST', event.links.decision, {
    decision,
    arguments_hash: event.approval.arguments_hash,
  });
  expect(response.status).toBe(200);
}

it('posts what a run asks to the address for its answer, signed, with all that is needed to decide', async () => {
  const runId = await call('orders', { id: 'order-7', to: 'Ada', text: 'pay' });
  const [post] = await receiver.waitFor(1);
  const asked = eventOf(post);
  if (post === undefined) throw new Error('nothing was posted');
  assertSigned(post);
  expect(post.path).toBe('/orders');
  expect(post.headers['webhook-id']).toBe(`${asked.id}:0`);
  expect(asked).toMatchObject({
    type: 'approval-requested',
    request_id: 'order-7',
    content: 'Pay?\n\nIt is a lot.',
    status: 'waiting',
    agent_id: 'pay',
    approval: {
      occasion: 'asked',
      kind: 'approval',
      title: 'Pay?',
      subject: { action: 'emit_output', arguments: { values: { to: 'Ada' } } },
      default: 'reject',
    },
    metadata: { run_id: runId },
  });
  const shown = await (await app.request('GET', `/api/v1/approvals/${asked.approval.code}`)).json();
  expect(shown).toMatchObject({
    id: asked.approval.id,
    arguments_hash: asked.approval.arguments_hash,
    run_id: runId,
  });
  await decide(asked, 'approve');
  const [, answer] = await receiver.waitFor(2);
  expect(eventOf(answer)).toMatchObject({
    type: 'response',
    request_id: 'order-7',
    status: 'completed',
    metadata: { run_id: runId },
  });
});

it('posts the answer behind what was asked, also where that was not taken at first', async () => {
  receiver.answers.push({ status: 500 });
  await call('orders', { id: 'order-8', to: 'Bob', text: 'pay' });
  const [post] = await receiver.waitFor(1);
  // Decided, and so the run is over, before the receiver has taken what was asked.
  await decide(eventOf(post), 'reject');
  const posts = await receiver.waitFor(3);
  expect(posts.map((one) => eventOf(one).type)).toEqual([
    'approval-requested',
    'approval-requested',
    'response',
  ]);
  expect(new Set(posts.slice(0, 2).map(({ headers }) => headers['webhook-id'])).size).toBe(1);
});

it('posts only answers where the definition says so', async () => {
  const runId = await call('quiet', { id: 'order-9', to: 'Eve', text: 'pay' });
  let waiting: readonly { readonly id: string }[] = [];
  await expect
    .poll(async () => {
      const response = await app.request('GET', `/api/v1/approvals?run_id=${runId}`);
      ({ items: waiting } = (await response.json()) as { items: readonly { id: string }[] });
      return waiting.length;
    })
    .toBe(1);
  await app.request('POST', `/api/v1/approvals/${waiting[0]?.id}/decision`, { decision: 'approve' });
  const posts = await receiver.waitFor(1);
  expect(posts.map((one) => eventOf(one).type)).toEqual(['response']);
});

it('posts to the callback of a REST call, with what came along with it', async () => {
  const response = await app.request(
    'POST',
    '/api/v1/channels/shop/messages',
    {
      workflow: 'pay',
      inputs: { to: 'Ada' },
      metadata: { order: 7 },
      callback: { url: `${receiver.url}/done` },
    },
    { 'idempotency-key': 'job-1' },
  );
  const { run_id: runId } = (await response.json()) as { run_id: string };
  const [post] = await receiver.waitFor(1);
  const asked = eventOf(post);
  if (post !== undefined) assertSigned(post);
  expect(asked).toMatchObject({
    type: 'approval-requested',
    request_id: 'job-1',
    metadata: { order: 7, run_id: runId },
  });
  await decide(asked, 'approve');
  const [, answer] = await receiver.waitFor(2);
  expect(eventOf(answer)).toMatchObject({ type: 'response', request_id: 'job-1', metadata: { order: 7 } });
});

it('posts a question with the schema of its answer', async () => {
  const body = { workflow: 'plan', inputs: {}, callback: { url: `${receiver.url}/done` } };
  await app.request('POST', '/api/v1/channels/shop/messages', body);
  const [post] = await receiver.waitFor(1);
  const asked = eventOf(post);
  expect(asked.approval).toMatchObject({
    kind: 'question',
    title: 'Which day?',
    answer_schema: { type: 'string' },
  });
  const refused = await app.request('POST', asked.links.decision, { decision: 'answer', answer: 7 });
  expect(refused.status).toBe(400);
  await app.request('POST', asked.links.decision, { decision: 'answer', answer: 'Thursday' });
  const [, answer] = await receiver.waitFor(2);
  expect(eventOf(answer)).toMatchObject({ type: 'response', structured_data: null, status: 'completed' });
  expect(answer?.body).toContain('Thursday');
});
