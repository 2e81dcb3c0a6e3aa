import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, FakeModel, type TestApp } from '../../../src/testing/index.ts';
import {
  createTestDatabase,
  postgresAvailable,
  type TestDatabase,
} from '../../../src/testing/test-database.ts';

const hasPostgres = await postgresAvailable();
const key = 'a33_twoservers_0123456789abcdefghijklmnopqrstuvwxyzABC';

describe.skipIf(!hasPostgres)('two servers on one PostgreSQL (skipped when no server answers)', () => {
  let database: TestDatabase;
  const apps: TestApp[] = [];
  const order: string[] = [];
  let running = 0;
  let most = 0;
  let hold: Promise<void> | undefined;

  const model = (): FakeModel =>
    new FakeModel({
      name: 'fake',
      models: ['model'],
      afterLast: 'repeat-last',
      turns: [
        async ({ messages }) => {
          const text = String(messages.at(-1)?.content);
          order.push(text);
          running += 1;
          most = Math.max(most, running);
          await hold;
          await new Promise((resolve) => setImmediate(resolve));
          running -= 1;
          return `answer to ${text}`;
        },
      ],
    });

  beforeAll(async () => {
    database = await createTestDatabase();
    const files = {
      'agents/a.yaml': 'apiVersion: agent33/v1\nkind: Agent\nmetadata: { name: a }\nspec: {}\n',
    };
    const env = { DATABASE_URL: database.url, AGENT33_BOOTSTRAP_KEY: key };
    // Both at once: migrations and the admin key are made by whoever is first.
    apps.push(
      ...(await Promise.all([
        createTestApp({ fakeModel: model(), env, files }),
        createTestApp({ fakeModel: model(), env, files }),
      ])),
    );
  });
  afterAll(async () => {
    await Promise.all(apps.map((app) => app.stop()));
    await database.drop();
  });

  const at = (index: number): TestApp => apps[index % 2] as TestApp;

  it('keep the order of a session whichever of them is asked, one run at a time', async () => {
    order.length = 0;
    most = 0;
    const texts = Array.from({ length: 10 }, (_, index) => `m${index}`);
    const answers: Promise<Response>[] = [];
    for (const [index, text] of texts.entries()) {
      // Accepted in this order: the next is sent when the one before has its run.
      const before = (await runs()).length;
      answers.push(
        at(index).request('POST', '/api/v1/chat', { message: text, session_id: 'ses_shared', agent: 'a' }),
      );
      await expect.poll(async () => (await runs()).length).toBe(before + 1);
    }
    for (const [index, answer] of (await Promise.all(answers)).entries())
      expect(await answer.json()).toMatchObject({ response: `answer to m${index}` });
    expect(order).toEqual(texts);
    expect(most).toBe(1);
  });

  async function runs(): Promise<{ id: string; status: string }[]> {
    const page = (await (await at(0).request('GET', '/api/v1/runs?limit=100')).json()) as {
      items: { id: string; status: string }[];
    };
    return page.items;
  }

  it('lead a repeated request to the same run', async () => {
    const send = (index: number) =>
      at(index).request(
        'POST',
        '/api/v1/chat',
        { message: 'once', agent: 'a' },
        { 'idempotency-key': 'same' },
      );
    const bodies = (await Promise.all(
      (await Promise.all([send(0), send(1), send(0), send(1)])).map((answer) => answer.json()),
    )) as { run_id: string }[];
    expect(new Set(bodies.map((body) => body.run_id)).size).toBe(1);
    expect(order.filter((text) => text === 'once')).toHaveLength(1);
  });

  it('stop and watch a run that the other one executes', async () => {
    const gate = Promise.withResolvers<void>();
    hold = gate.promise;
    const waiting = at(0).request('POST', '/api/v1/chat', { message: 'long', agent: 'a' });
    await expect.poll(async () => (await runs()).some((run) => run.status === 'running')).toBe(true);
    const run = (await runs()).find((one) => one.status === 'running');
    // Asked at both: one of them is not the one that executes it.
    const watched = Promise.all(
      apps.map(async (app) => (await app.request('GET', `/api/v1/runs/${run?.id}/events`)).text()),
    );
    expect((await at(1).request('POST', `/api/v1/runs/${run?.id}/cancel`)).status).toBeLessThan(300);
    for (const text of await watched) expect(text).toContain('"status":"cancelled"');
    gate.resolve();
    hold = undefined;
    expect((await waiting).status).toBeGreaterThanOrEqual(400);
  });
});
