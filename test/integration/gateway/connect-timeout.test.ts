import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startFakeOpenAI } from '../../../src/testing/fake-openai-server.ts';
import type { FakeModelServer } from '../../../src/testing/fake-model-server.ts';
import { createMemoryApp } from '../../../src/testing/create-memory-app.ts';
import type { TestApp } from '../../../src/testing/index.ts';

let blackHole: Server;
const caught = new Set<Socket>();
let upstream: FakeModelServer;
let app: TestApp;
beforeAll(async () => {
  // Says nothing to whoever comes: no connection with TLS ever stands.
  blackHole = createServer((socket) => {
    caught.add(socket);
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => {
    blackHole.listen(0, '127.0.0.1', resolve);
  });
  const { port } = blackHole.address() as AddressInfo;
  upstream = await startFakeOpenAI();
  const hole = (provider: string, id: string): string =>
    `        - { id: ${id}, provider: ${provider}, model: m, apiKey: k, baseUrl: 'https://127.0.0.1:${port}/v1', order: 1, timeouts: { connect: 200ms } }`;
  const good = (id: string): string =>
    `        - { id: ${id}, provider: openai, model: m, apiKey: k, baseUrl: '${upstream.url}/v1', order: 2 }`;
  app = await createMemoryApp({
    files: {
      'agent33.yaml': [
        'apiVersion: agent33/v1',
        'kind: Project',
        'metadata: { name: connect }',
        'spec:',
        '  models:',
        // Without a bound of their own, connections have 10 s: half of the call's time would end the attempt first.
        '    router: { strategy: order, timeout: 6s }',
        '    groups:',
        '      bytes:',
        hole('openai', 'hole-1'),
        good('good-1'),
        '      translated:',
        hole('anthropic', 'hole-2'),
        good('good-2'),
        '',
      ].join('\n'),
    },
  });
});
afterAll(async () => {
  await app.stop();
  await upstream.stop();
  for (const socket of caught) socket.destroy();
  await new Promise((resolve) => {
    blackHole.close(resolve);
  });
});

it.each([
  ['bytes', 'hole-1', 'good-1'],
  ['translated', 'hole-2', 'good-2'],
])('a server that accepts no connection is left for the next one (%s)', async (model, hole, good) => {
  upstream.reply({ text: 'hello', usage: { inputTokens: 5, outputTokens: 2 } });
  const response = await app.request('POST', '/v1/chat/completions', {
    model,
    messages: [{ role: 'user', content: 'hi' }],
  });
  expect(response.status).toBe(200);
  expect(response.headers.get('x-a33-deployment')).toBe(good);
  expect(response.headers.get('x-a33-attempts')).toBe('2');
  const states = (await (await app.request('GET', '/api/v1/models/router')).json()) as {
    deployments: { id: string; last_error: { code: string; message: string } | null }[];
  };
  const state = states.deployments.find(({ id }) => id === hole);
  // Nothing was sent, so nothing was used: not the time-out of an answer.
  expect(state?.last_error?.code).toBe('model_unavailable');
  expect(state?.last_error?.message).toContain('did not accept the connection in time');
  await expect
    .poll(async () => {
      const { items } = (await (await app.request('GET', '/api/v1/usage/calls')).json()) as {
        items: { deployment: string; input_tokens: number }[];
      };
      return items.find(({ deployment }) => deployment === hole)?.input_tokens;
    })
    .toBe(0);
});
