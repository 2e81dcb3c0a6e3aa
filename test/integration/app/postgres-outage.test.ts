import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, FakeModel, type TestApp } from '../../../src/testing/index.ts';
import {
  createTestDatabase,
  postgresAvailable,
  type TestDatabase,
} from '../../../src/testing/test-database.ts';
import { TcpProxy } from '../fixtures/tcp-proxy.ts';

const hasPostgres = await postgresAvailable();
const texts = Array.from({ length: 12 }, (_, index) => `question ${index}`);

describe.skipIf(!hasPostgres)('PostgreSQL goes away under load (skipped when no server answers)', () => {
  let database: TestDatabase;
  let proxy: TcpProxy;
  let app: TestApp;
  const called = new Map<string, number>();

  beforeAll(async () => {
    database = await createTestDatabase();
    const address = new URL(database.url);
    proxy = new TcpProxy({ host: address.hostname, port: Number(address.port || 5432) });
    await proxy.open();
    address.hostname = '127.0.0.1';
    address.port = String(proxy.port);
    const fakeModel = new FakeModel({
      name: 'fake',
      models: ['model'],
      afterLast: 'repeat-last',
      turns: [
        ({ messages }) => {
          const text = String(messages.at(-1)?.content);
          called.set(text, (called.get(text) ?? 0) + 1);
          return { text: `answer to ${text}`, delayMs: 400 };
        },
      ],
    });
    app = await createTestApp({
      fakeModel,
      env: { DATABASE_URL: address.href },
      files: {
        'agents/a.yaml': 'apiVersion: agent33/v1\nkind: Agent\nmetadata: { name: a }\nspec: {}\n',
      },
    });
  });
  afterAll(async () => {
    await app.stop();
    await proxy.cut();
    await database.drop();
  });

  const ask = async (text: string): Promise<{ status: number; answer: string }> => {
    const response = await app.request(
      'POST',
      '/api/v1/chat',
      { message: text },
      { 'idempotency-key': text },
    );
    const body = (await response.json()) as { response?: string; code?: string };
    return { status: response.status, answer: body.response ?? body.code ?? '' };
  };
  const readiness = async () => (await app.request('GET', '/readyz')).status;

  it('answers 503 meanwhile, comes back by itself, loses nothing and calls no model twice', async () => {
    const first = Promise.all(texts.map((text) => ask(text).catch(() => undefined)));
    await expect.poll(() => called.size).toBe(texts.length);
    await proxy.cut();
    await expect.poll(readiness, { timeout: 10_000 }).toBe(503);
    const refused = await ask('too early');
    expect(refused.status).toBe(503);
    expect(refused.answer).toBe('storage_unavailable');
    expect((await app.request('GET', '/healthz')).status).toBe(200);
    await proxy.open();
    await expect.poll(readiness, { timeout: 15_000 }).toBe(200);
    await first;
    for (const text of texts) {
      await expect
        .poll(() => ask(text), { timeout: 20_000 })
        .toEqual({ status: 200, answer: `answer to ${text}` });
    }
    expect(Object.fromEntries(called)).toEqual(Object.fromEntries(texts.map((text) => [text, 1])));
    expect(await ask('too early')).toMatchObject({ status: 200 });
  });
});
