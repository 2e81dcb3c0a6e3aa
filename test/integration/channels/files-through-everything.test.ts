import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ModelRequest } from '../../../src/capabilities/models/index.ts';
import { AppError } from '../../../src/base/index.ts';
import { FakeTelegram } from '../../../src/testing/channels.ts';
import { createMemoryApp } from '../../../src/testing/create-memory-app.ts';
import type { TestApp } from '../../../src/testing/create-test-app.ts';
import { FakeModel } from '../../../src/testing/fake-model.ts';
import type { FakeTurn } from '../../../src/testing/fake-turn.ts';
import { startFakeOpenAI } from '../../../src/testing/fake-openai-server.ts';

const png = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.alloc(300_000, 7)]);
/** Bounds a hang. */
const most = 60_000;
const url = `data:image/png;base64,${png.toString('base64')}`;

let telegram: FakeTelegram;
/** A bot whose agent asks the model server. */
let other: FakeTelegram;
let server: Awaited<ReturnType<typeof startFakeOpenAI>>;
let app: TestApp;
let turn: (request: ModelRequest) => FakeTurn | string;
const model = new FakeModel({
  name: 'fake',
  models: ['model'],
  afterLast: 'loop',
  turns: [(request) => turn(request)],
});

const agentFile = (name: string, use: string): string =>
  `apiVersion: agent33/v1\nkind: Agent\nmetadata: { name: ${name} }\nspec: { model: { name: ${use} }, instructions: You help., tools: [{ name: send_file }] }\n`;
const channelFile = (name: string, agent: string, { token, apiBase }: FakeTelegram): string =>
  [
    'apiVersion: agent33/v1',
    'kind: Channel',
    `metadata: { name: ${name} }`,
    `spec: { platform: telegram, agent: ${agent}, token: "${token}", apiBase: "${apiBase}", pollTimeout: 1s }`,
  ].join('\n');

beforeAll(async () => {
  telegram = await FakeTelegram.start();
  other = await FakeTelegram.start({ token: '77:another-token' });
  server = await startFakeOpenAI();
  app = await createMemoryApp({
    fakeModel: model,
    env: { OPENAI_API_KEY: 'sk-test', OPENAI_BASE_URL: `${server.url}/v1` },
    files: {
      'agent33.yaml':
        'apiVersion: agent33/v1\nkind: Project\nmetadata: { name: test }\nspec: { models: { default: fake/model }, egress: { allow: [127.0.0.1] } }\n',
      'agents/support.yaml': agentFile('support', 'fake/model'),
      'agents/served.yaml': agentFile('served', 'openai/gpt-fake'),
      'channels/telegram.yaml': channelFile('telegram', 'support', telegram),
      'channels/other.yaml': channelFile('other', 'served', other),
    },
  });
}, 180_000);
afterAll(async () => {
  await app.stop();
  await server.stop();
  await telegram.stop();
  await other.stop();
});

it('shows a picture to the model, sends a file back, and keeps both with the run', async () => {
  const csv = 'shape,count\ncat,1\n';
  const turns = [
    { toolCalls: [{ name: 'send_file', arguments: { name: 'seen.csv', text: csv } }] },
    'One cat.',
    'Still one.',
  ];
  turn = () => turns.shift() ?? 'nothing more';
  telegram.userSendsFile({ chatId: 7, bytes: png, as: 'photo', caption: 'what is this?' });
  await telegram.waitForMessages(2, most);
  expect(telegram.messages[0]?.text).toBe('One cat.');
  expect(telegram.messages[1]?.file).toMatchObject({ name: 'seen.csv', mimeType: 'text/csv' });
  expect(telegram.messages[1]?.file?.bytes.toString()).toBe(csv);
  const picture = { type: 'image', url };
  expect(model.calls[0]?.messages.at(-1)).toMatchObject({
    role: 'user',
    content: [{ type: 'text' }, picture],
  });

  // The next turn sees it again; journal and history only refer to it.
  telegram.userSays({ chatId: 7, text: 'sure?' });
  await telegram.waitForMessages(3, most);
  expect(JSON.stringify(model.calls[2]?.messages)).toContain(url);
  const { items: runs } = (await (await app.request('GET', '/api/v1/runs')).json()) as {
    items: { id: string; session_id: string }[];
  };
  const run = runs.at(-1);
  for (const address of [
    `runs/${run?.id}/steps?full=true`,
    `sessions/${run?.session_id}/messages`,
    `runs/${run?.id}`,
  ]) {
    const text = await (await app.request('GET', `/api/v1/${address}`)).text();
    expect(text.length).toBeLessThan(10_000);
    expect(text).toContain('fil_');
  }
  const listed = await (await app.request('GET', `/api/v1/runs/${run?.id}/files`)).json();
  expect(listed).toMatchObject({
    items: [
      { direction: 'in', mime_type: 'image/png', size_bytes: png.length },
      { direction: 'out', name: 'seen.csv', mime_type: 'text/csv' },
    ],
  });
  const content = await app.request('GET', `/api/v1/runs/${run?.id}/files/seen.csv`);
  expect(await content.text()).toBe(csv);

  // A file that is gone is told to the model, and the session goes on.
  const { items } = listed as { items: { id: string }[] };
  expect((await app.request('DELETE', `/api/v1/sessions/${run?.session_id}`)).status).toBeLessThan(300);
  expect(await (await app.request('GET', `/api/v1/runs/${run?.id}/files`)).json()).toEqual({ items: [] });
  expect(items).toHaveLength(2);
}, 120_000);

it('goes on without a picture that the model refuses, in this turn and the next', async () => {
  turn = ({ messages }) =>
    JSON.stringify(messages).includes('data:image')
      ? { error: new AppError('model_rejected', 'this model takes no pictures') }
      : 'I see no picture.';
  const before = telegram.messages.length;
  telegram.userSendsFile({ chatId: 8, bytes: png, as: 'photo', caption: 'look' });
  await telegram.waitForMessages(before + 1, most);
  telegram.userSays({ chatId: 8, text: 'and now?' });
  await telegram.waitForMessages(before + 2, most);
  expect(telegram.messages.slice(before).map(({ text }) => text)).toEqual([
    'I see no picture.',
    'I see no picture.',
  ]);
  expect(JSON.stringify(model.lastCall?.messages)).toContain(
    '[picture: not shown, the model does not take it]',
  );
}, 120_000);

it('reaches a model server as a picture, and a text as a quotation', async () => {
  server.reply({ text: 'A cat.' }, { text: 'Two rows.' });
  other.userSendsFile({ chatId: 7, bytes: png, as: 'photo' });
  await other.waitForMessages(1, most);
  other.userSendsFile({ chatId: 8, bytes: Buffer.from('a,b\n1,2\n'), name: 'rows.csv' });
  await other.waitForMessages(2, most);
  const [first, second] = server.requests
    .filter(({ path }) => path === '/v1/chat/completions')
    .map((request) => JSON.stringify(request.body));
  expect(first).toContain(`{"type":"image_url","image_url":{"url":"${url}"}}`);
  expect(second).toContain('> a,b\\n> 1,2');
}, 120_000);
