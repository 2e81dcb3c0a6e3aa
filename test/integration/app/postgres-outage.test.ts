import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defineStepAction, z } from '../../../src/index.ts';
import { createTestApp, FakeModel, type TestApp } from '../../../src/testing/index.ts';
import {
  createTestDatabase,
  postgresAvailable,
  type TestDatabase,
} from '../../../src/testing/test-database.ts';
import { TcpProxy } from '../fixtures/tcp-proxy.ts';

const hasPostgres = await postgresAvailable();
const texts = Array.from({ length: 12 }, (_, index) => `question ${index}`);

const definition = (name: string, spec: object): string =>
  JSON.stringify({ apiVersion: 'agent33/v1', kind: 'Workflow', metadata: { name }, spec });

/** Calculations whose records the run does not wait for, effects that follow from them, a loop, a timer and a child. */
const workflows = {
  'workflows/tour.json': definition('tour', {
    inputs: { text: 'string' },
    steps: [
      { id: 'numbers', action: 'transform', for_each: [1, 2, 3, 4], inputs: { expression: 'item * 2' } },
      { id: 'sum', action: 'transform', inputs: { expression: 'steps.numbers.output|sum' } },
      { id: 'acts', action: 'act', for_each: [1, 2, 3], inputs: { sum: '{{ steps.sum.output }}' } },
      { id: 'pause', action: 'wait', inputs: { duration: '150ms' }, depends_on: ['sum'] },
      { id: 'child', action: 'run_workflow', inputs: { workflow: 'inner' }, depends_on: ['pause'] },
      { id: 'last', action: 'act', inputs: { sum: 1 }, depends_on: ['child', 'acts'] },
    ],
    outputs: { text: '{{ inputs.text }}', sum: '{{ steps.sum.output }}' },
  }),
  'workflows/inner.json': definition('inner', {
    steps: [
      { id: 'one', action: 'act', inputs: { sum: 1 } },
      { id: 'pause', action: 'wait', inputs: { duration: '100ms' }, depends_on: ['one'] },
      { id: 'two', action: 'act', inputs: { sum: 2 }, depends_on: ['pause'] },
    ],
  }),
};
const actsOfTour = 6;

describe.skipIf(!hasPostgres)('PostgreSQL goes away under load (skipped when no server answers)', () => {
  let database: TestDatabase;
  let proxy: TcpProxy;
  let app: TestApp;
  const called = new Map<string, number>();
  /** By idempotency key. */
  const acts = new Map<string, number>();
  const act = defineStepAction({
    name: 'act',
    description: 'Does something outside.',
    inputs: z.strictObject({ sum: z.number() }),
    output: z.number(),
    kind: 'action',
    effect: 'keyed',
    run: async ({ inputs }, { idempotencyKey }) => {
      acts.set(idempotencyKey, (acts.get(idempotencyKey) ?? 0) + 1);
      await new Promise((resolve) => setTimeout(resolve, 30));
      return inputs.sum;
    },
  });

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
      app: { actions: [act] },
      files: {
        ...workflows,
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
    await expect.poll(() => called.size, { timeout: 20_000 }).toBe(texts.length);
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

  it.each(['cut', 'silenced'] as const)(
    'workflows under way lose nothing and repeat nothing when it is %s',
    async (how) => {
      acts.clear();
      const names = Array.from({ length: 15 }, (_, index) => `${how} ${index}`);
      const runIds = await Promise.all(
        names.map(async (text) => {
          const response = await app.request(
            'POST',
            '/api/v1/workflows/tour/execute',
            { inputs: { text }, wait: false },
            { 'idempotency-key': text },
          );
          return ((await response.json()) as { run_id: string }).run_id;
        }),
      );
      await expect.poll(() => acts.size, { timeout: 20_000, interval: 5 }).toBeGreaterThan(20);
      if (how === 'silenced') proxy.silence();
      else await proxy.cut();
      await expect.poll(readiness, { timeout: 20_000 }).toBe(503);
      if (how === 'silenced') await proxy.cut();
      await proxy.open();
      await expect.poll(readiness, { timeout: 15_000 }).toBe(200);
      for (const [index, runId] of runIds.entries()) {
        const look = async () => {
          const response = await app.request('GET', `/api/v1/runs/${runId}`);
          const { status, output, error } = (await response.json()) as Record<string, unknown>;
          return { status, output, error };
        };
        await expect
          .poll(look, { timeout: 60_000 })
          .toEqual({ status: 'completed', output: { text: names[index], sum: 20 }, error: null });
      }
      expect(acts.size).toBe(names.length * actsOfTour);
      expect([...acts.values()].filter((times) => times !== 1)).toEqual([]);
    },
  );
});
