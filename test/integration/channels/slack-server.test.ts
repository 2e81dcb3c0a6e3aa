import { afterAll, beforeAll, expect, it } from 'vitest';
import { createMemoryApp } from '../../../src/testing/create-memory-app.ts';
import type { TestApp } from '../../../src/testing/create-test-app.ts';
import { FakeSlack, signedSlackHeaders } from '../../../src/testing/channels.ts';

let slack: FakeSlack;
let app: TestApp;

beforeAll(async () => {
  slack = await FakeSlack.start();
  slack.retryDelaysMs = [0, 20, 50];
  app = await createMemoryApp({
    env: { SLACK_BOT_TOKEN: slack.botToken, SLACK_SIGNING_SECRET: slack.signingSecret },
    files: {
      'agent33.yaml':
        'apiVersion: agent33/v1\nkind: Project\nmetadata: { name: test }\nspec: { models: { default: fake/model }, egress: { allow: [127.0.0.1] } }\n',
      'agents/support.yaml':
        'apiVersion: agent33/v1\nkind: Agent\nmetadata: { name: support }\nspec: { instructions: You help. }\n',
      'channels/slack.yaml': [
        'apiVersion: agent33/v1',
        'kind: Channel',
        'metadata: { name: slack }',
        'spec:',
        '  platform: slack',
        '  agent: support',
        '  botToken: ${SLACK_BOT_TOKEN}',
        '  signing_secret: ${SLACK_SIGNING_SECRET}',
        `  apiBase: ${slack.apiBase}`,
        '  access: { groups: allowlist, chats: [C1] }',
      ].join('\n'),
    },
  });
  slack.eventsUrl = new URL('/webhooks/slack/slack', app.url).href;
}, 60_000);
afterAll(async () => {
  await app.stop();
  await slack.stop();
});

it('answers a mention and a slash command through the whole server', async () => {
  const ts = await slack.userSays({ channel: 'C1', text: 'hello 👋', mention: true });
  expect(slack.deliveries.map((delivery) => delivery.status)).toEqual([200, 200]);
  await slack.userSays({ channel: 'C2', text: 'not here', mention: true });
  expect(await slack.waitForMessages(1, 30_000)).toMatchObject([{ channel: 'C1', threadTs: ts, text: 'ok' }]);
  const { status, body } = await slack.userCommands({ channel: 'C1', text: 'what & why?' });
  expect({ status, body }).toEqual({ status: 200, body: '{"response_type":"in_channel"}' });
  await slack.waitForMessages(2, 30_000);
  expect(JSON.stringify(app.fakeModel.calls)).toContain('what & why?');
  expect(app.fakeModel.calls).toHaveLength(2);
});

it('checks signatures over the raw bytes before anything else', async () => {
  const body = '{ "type": "url_verification",\n "challenge": "é👋" }';
  const call = (headers: Record<string, string>) =>
    fetch(slack.eventsUrl ?? '', { method: 'POST', headers, body });
  const good = await call(signedSlackHeaders(slack.signingSecret, body, { nowMs: Date.now() }));
  expect([good.status, await good.text()]).toEqual([200, 'é👋']);
  const bad = signedSlackHeaders('another secret', body, { nowMs: Date.now() });
  expect((await call(bad)).status).toBe(401);
  expect((await call({ 'content-type': 'application/json' })).status).toBe(401);
  expect((await fetch(slack.eventsUrl ?? '')).status).toBe(405);
});
