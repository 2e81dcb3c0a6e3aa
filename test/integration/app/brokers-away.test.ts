import { randomBytes } from 'node:crypto';
import { connect as connectAmqp } from 'amqplib';
import { connect as connectNats } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../../../src/testing/create-test-app.ts';
import { FakeModel } from '../../../src/testing/fake-model.ts';
import {
  createTestDatabase,
  postgresAvailable,
  type TestDatabase,
} from '../../../src/testing/test-database.ts';
import { openCutLine, type CutLine } from '../bus/cut-line.ts';
import { natsServerAvailable, OwnNats } from '../channels/own-nats.ts';
import { OwnRedis, redisServerAvailable } from '../streams/own-redis.ts';

const amqpUrl = process.env['TEST_AMQP_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672';
const hasAmqp = await connectAmqp(amqpUrl, { timeout: 2000 }).then(
  async (connection) => {
    await connection.close();
    return true;
  },
  () => false,
);
const hasAll = hasAmqp && natsServerAvailable() && redisServerAvailable() && (await postgresAvailable());

describe.skipIf(!hasAll)(
  'a server whose brokers are away (skipped without PostgreSQL and all of them)',
  () => {
    const exchange = `a33test.${process.pid}-${randomBytes(4).toString('hex')}`;
    const queue = `${exchange}.in`;
    let database: TestDatabase;
    let nats: OwnNats;
    let redis: OwnRedis;
    let lines: { readonly nats: CutLine; readonly redis: CutLine; readonly amqp: CutLine };
    const apps: TestApp[] = [];

    const serve = async (fakeModel: FakeModel): Promise<TestApp> => {
      const sensor = (name: string, event: string) => ({
        [`sensors/${name}.yaml`]: `apiVersion: agent33/v1\nkind: Sensor\nmetadata: { name: ${name} }\nspec: { type: event, config: { name: ${event} }, start: { agent: ${name} }, inputs: { message: go } }\n`,
        [`agents/${name}.yaml`]: `apiVersion: agent33/v1\nkind: Agent\nmetadata: { name: ${name} }\nspec: { instructions: You help. }\n`,
      });
      const app = await createTestApp({
        fakeModel,
        env: { DATABASE_URL: database.url, NATS_URL: lines.nats.url, REDIS_URL: lines.redis.url },
        files: {
          'agent33.yaml': `apiVersion: agent33/v1\nkind: Project\nmetadata: { name: test }\nspec:\n  models: { default: fake/model }\n  events: { handler: amqp, config: { broker_url: "${lines.amqp.url}", exchange: ${exchange}, queue: ${queue}, subscribe: [orders.paid] } }\n`,
          ...sensor('by-nats', 'external.deployed'),
          ...sensor('by-amqp', 'orders.paid'),
        },
      });
      apps.push(app);
      return app;
    };

    beforeAll(async () => {
      database = await createTestDatabase();
      nats = await OwnNats.start();
      redis = await OwnRedis.start();
      lines = {
        nats: await openCutLine(nats.url),
        redis: await openCutLine(redis.url),
        amqp: await openCutLine(amqpUrl),
      };
    }, 120_000);

    afterAll(async () => {
      for (const app of apps) await app.stop();
      for (const line of Object.values(lines)) await line.block();
      await nats.stop();
      await redis.stop();
      await database.drop();
      const foreign = await connectAmqp(amqpUrl);
      const channel = await foreign.createChannel();
      await channel.deleteQueue(queue);
      await channel.deleteQueue(`${queue}.dead`);
      await channel.deleteExchange(exchange);
      await foreign.close();
    }, 60_000);

    const healthOf = async (app: TestApp) =>
      (await (await app.request('GET', '/health')).json()) as {
        status: string;
        services: Record<string, string>;
        details: Record<string, unknown>;
      };
    const runsOf = async (app: TestApp, agent: string): Promise<number> => {
      const { items } = (await (await app.request('GET', `/api/v1/runs?target=${agent}`)).json()) as {
        items: readonly object[];
      };
      return items.length;
    };
    const answers = async (): Promise<string> =>
      JSON.stringify(await redis.client.xrange('agent:responses:rest:me', '-', '+'));

    it('starts without them, says which are away and why, and loses nothing that was accepted', async () => {
      // The answer is ready in the moment in which Redis goes.
      const gone = new FakeModel({
        name: 'fake',
        models: ['model'],
        turns: [
          async () => {
            await lines.redis.block();
            return 'kept';
          },
        ],
      });
      const first = await serve(gone);
      const foreign = await connectAmqp(amqpUrl);
      const channel = await foreign.createConfirmChannel();
      const request = { id: 'r1', source: 'rest', source_id: 'me', user_id: 'me', content: 'hello' };
      const fields = Object.entries({ ...request, agent_id: 'by-nats' }).flat();
      await redis.client.xadd('agent:requests', '*', ...fields);
      await expect.poll(() => gone.calls.length, { timeout: 30_000 }).toBe(1);
      await expect
        .poll(async () => (await healthOf(first)).services['streams'], { timeout: 20_000 })
        .toBe('down');
      await apps.pop()?.stop();
      for (const line of Object.values(lines)) await line.block();
      channel.publish(exchange, 'orders.paid', Buffer.from('{"order":7}'), { messageId: 'm1' });
      await channel.waitForConfirms();
      await foreign.close();

      const second = await serve(new FakeModel({ name: 'fake', models: ['model'] }));
      const away = await healthOf(second);
      expect(away.status).toBe('degraded');
      for (const [service, broker] of [
        ['bus', 'NATS'],
        ['streams', 'Redis'],
        ['events', 'The AMQP broker'],
      ] as const) {
        expect(away.services[service], service).toBe('down');
        expect(away.details[service], service).toMatchObject({
          detail: `${broker} does not answer: ECONNREFUSED. It is tried again.`,
        });
      }
      expect((await second.request('GET', '/readyz')).status).toBe(200);
      const asked = await second.request('POST', '/api/v1/agents/by-nats/invoke', { message: 'hi' });
      expect([asked.status, await answers()]).toEqual([200, '[]']);

      for (const line of Object.values(lines)) await line.restore();
      await expect.poll(async () => (await healthOf(second)).status, { timeout: 30_000 }).toBe('healthy');
      await expect.poll(answers, { timeout: 30_000 }).toContain('kept');
      await expect.poll(() => runsOf(second, 'by-amqp'), { timeout: 30_000 }).toBe(1);
      const before = await runsOf(second, 'by-nats');
      const program = await connectNats({ servers: new URL(nats.url).host });
      await expect
        .poll(
          async () => {
            program.publish('external.deployed', JSON.stringify({ id: 'd1' }));
            return runsOf(second, 'by-nats');
          },
          { timeout: 30_000, interval: 500 },
        )
        .toBe(before + 1);
      await program.close();
    }, 180_000);
  },
);
