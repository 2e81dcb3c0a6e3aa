import { afterAll, beforeAll, expect, it } from 'vitest';
import { createMemoryApp } from '../../../src/testing/create-memory-app.ts';
import type { TestApp } from '../../../src/testing/create-test-app.ts';
import { FakeWhatsApp, signedWhatsAppHeaders } from '../../../src/testing/channels.ts';

let whatsapp: FakeWhatsApp;
let app: TestApp;

beforeAll(async () => {
  whatsapp = await FakeWhatsApp.start();
  whatsapp.reportsStatuses = true;
  app = await createMemoryApp({
    env: {
      WHATSAPP_ACCESS_TOKEN: whatsapp.accessToken,
      WHATSAPP_APP_SECRET: whatsapp.appSecret,
      WHATSAPP_VERIFY_TOKEN: whatsapp.verifyToken,
    },
    files: {
      'agent33.yaml':
        'apiVersion: agent33/v1\nkind: Project\nmetadata: { name: test }\nspec: { models: { default: fake/model }, egress: { allow: [127.0.0.1] } }\n',
      'agents/support.yaml':
        'apiVersion: agent33/v1\nkind: Agent\nmetadata: { name: support }\nspec: { instructions: You help. }\n',
      'channels/whatsapp.yaml': [
        'apiVersion: agent33/v1',
        'kind: Channel',
        'metadata: { name: whatsapp }',
        'spec:',
        '  platform: whatsapp',
        '  agent: support',
        `  phone_number_id: "${whatsapp.phoneNumberId}"`,
        '  accessToken: ${WHATSAPP_ACCESS_TOKEN}',
        '  app_secret: ${WHATSAPP_APP_SECRET}',
        '  verifyToken: ${WHATSAPP_VERIFY_TOKEN}',
        `  apiBase: ${whatsapp.apiBase}`,
      ].join('\n'),
    },
  });
  whatsapp.webhookUrl = new URL('/webhooks/whatsapp/whatsapp', app.url).href;
});
afterAll(async () => {
  await app.stop();
  await whatsapp.stop();
});

it('checks the address and answers messages through the whole server', async () => {
  const url = whatsapp.webhookUrl ?? '';
  expect(await whatsapp.verifyAddress(url)).toEqual({ status: 200, body: '1158201444' });
  expect((await whatsapp.verifyAddress(url, 'not our word')).status).toBe(403);
  expect((await fetch(url)).status).toBe(403);
  await whatsapp.usersSay([
    { userId: 'DE.1', phone: '4911111', text: 'hello 👋' },
    { userId: 'DE.2', phone: null, text: 'what & why?' },
  ]);
  const answers = await whatsapp.waitForMessages(2, 30_000);
  expect(answers.map((answer) => `${answer.to} ${answer.text}`).toSorted()).toEqual(['DE.1 ok', 'DE.2 ok']);
  expect(JSON.stringify(app.fakeModel.calls)).toContain('what & why?');
  expect(app.fakeModel.calls).toHaveLength(2);
  await whatsapp.waitUntil(() => whatsapp.deliveries.length === 7, 'three statuses of each answer');
  expect(whatsapp.deliveries.every((delivery) => delivery.status === 200)).toBe(true);
});

it('checks signatures over the raw bytes before anything else', async () => {
  const body = '{ "object": "whatsapp_business_account",\n "entry": [], "word": "é👋" }';
  const call = (headers: Record<string, string>) =>
    fetch(whatsapp.webhookUrl ?? '', { method: 'POST', headers, body });
  expect((await call(signedWhatsAppHeaders(whatsapp.appSecret, body))).status).toBe(200);
  expect((await call(signedWhatsAppHeaders('another secret', body))).status).toBe(401);
  expect((await call({ 'content-type': 'application/json' })).status).toBe(401);
});
