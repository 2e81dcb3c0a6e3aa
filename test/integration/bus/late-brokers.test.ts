import { randomBytes } from 'node:crypto';
import { connect as connectAmqp } from 'amqplib';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { silentLogger as logger, systemClock as clock, type Service } from '../../../src/base/index.ts';
import {
  AmqpBus,
  AmqpEventHandler,
  AmqpStreams,
  NatsBus,
  NatsStreams,
  RedisBus,
  RedisStreams,
  type EventStreams,
  type MessageBus,
} from '../../../src/platform/bus/index.ts';
import { createRedis, createRedisSubscriber } from '../../../src/platform/redis/index.ts';
import { natsServerAvailable, OwnNats } from '../channels/own-nats.ts';
import { OwnRedis, redisServerAvailable } from '../streams/own-redis.ts';
import { openCutLine, type CutLine } from './cut-line.ts';

const amqpUrl = process.env['TEST_AMQP_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672';
const hasAmqp = await connectAmqp(amqpUrl, { timeout: 2000 }).then(
  async (connection) => {
    await connection.close();
    return true;
  },
  () => false,
);
const deps = { clock, logger };
const unique = (): string => `a33test.${process.pid}-${randomBytes(4).toString('hex')}.`;

interface Carrier {
  readonly address: () => Promise<string>;
  readonly bus: (url: string, prefix: string) => MessageBus;
  readonly streams: (url: string, prefix: string) => EventStreams;
  /** As it is refused. */
  readonly refused: () => Promise<string>;
}

const cleanups: (() => Promise<void>)[] = [];
const started = async <Broker extends { stop(): Promise<void> }>(broker: Broker): Promise<Broker> => {
  cleanups.push(() => broker.stop());
  return broker;
};
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

const withPassword = (url: string, password: string): string => {
  const address = new URL(url);
  address.username = 'somebody';
  address.password = password;
  return address.href;
};

const carriers: readonly (readonly [string, boolean, Carrier])[] = [
  [
    'NATS',
    natsServerAvailable(),
    {
      address: async () => (await started(await OwnNats.start())).url,
      bus: (url, prefix) => new NatsBus({ ...deps, url, prefix }),
      streams: (url, prefix) => new NatsStreams({ ...deps, url, prefix }),
      refused: async () => {
        const nats = await started(await OwnNats.start(['--user', 'somebody', '--pass', 'right']));
        return withPassword(nats.url, 'wrong');
      },
    },
  ],
  [
    'Redis',
    redisServerAvailable(),
    {
      address: async () => (await started(await OwnRedis.start())).url,
      bus: (url, prefix) =>
        new RedisBus({
          ...deps,
          prefix,
          redis: createRedis(url, deps),
          subscriber: createRedisSubscriber(url, deps),
        }),
      streams: (url, prefix) => new RedisStreams({ ...deps, redis: createRedis(url, deps), prefix }),
      refused: async () => {
        const redis = await started(await OwnRedis.start());
        return withPassword(redis.url, 'wrong');
      },
    },
  ],
  [
    'AMQP',
    hasAmqp,
    {
      address: () => Promise.resolve(amqpUrl),
      bus: (url, prefix) => new AmqpBus({ ...deps, url, prefix }),
      streams: (url, prefix) => new AmqpStreams({ ...deps, url, prefix }),
      refused: () => Promise.resolve(withPassword(amqpUrl, 'wrong')),
    },
  ],
];

describe.each(carriers)('%s that comes later', (title, isThere, carrier) => {
  /** A way to the broker that is closed until it is restored. */
  const closed = async (): Promise<CutLine> => {
    const line = await openCutLine(await carrier.address());
    await line.block();
    cleanups.push(() => line.block());
    return line;
  };
  const start = async <Part extends Service>(part: Part): Promise<Part> => {
    cleanups.push(() => part.stop());
    await part.start();
    return part;
  };
  const health = async (part: Pick<MessageBus, 'health'>) => part.health?.(AbortSignal.timeout(2000));

  it('lets the bus start without it, says so, and begins what was begun without it', async (context) => {
    context.skip(!isThere, `there is no ${title}`);
    const line = await closed();
    const prefix = unique();
    const bus = await start(carrier.bus(line.url, prefix));
    const heard: unknown[] = [];
    await bus.subscribe('news.*', (payload) => void heard.push(payload));
    const ended = await bus.subscribe('news.*', () => void heard.push('of one that ended'));
    await ended.unsubscribe();
    await bus.respond('ask', (payload) => Promise.resolve({ answered: payload }));
    await expect(bus.publish('news.a', 1)).rejects.toMatchObject({ code: 'storage_unavailable' });
    const down = await health(bus);
    expect(down?.status).toBe('down');
    expect(down?.detail).toMatch(new RegExp(`${title}.* does not answer: ECONNREFUSED`));
    // Anybody may read it.
    expect(down?.detail).not.toContain('127.0.0.1');

    await line.restore();
    await expect.poll(async () => (await health(bus))?.status, { timeout: 20_000 }).toBe('ok');
    const asker = carrier.bus(line.url, prefix);
    await start(asker);
    await vi.waitUntil(
      async () => {
        await asker.publish('news.b', { at: 'last' });
        return heard.length > 0;
      },
      { timeout: 20_000, interval: 200 },
    );
    expect(heard[0]).toEqual({ at: 'last' });
    await expect.poll(() => asker.request('ask', 7), { timeout: 10_000 }).toEqual({ answered: 7 });
  }, 60_000);

  it('lets streams start without it, and reads them as soon as it is there', async (context) => {
    context.skip(!isThere, `there is no ${title}`);
    const line = await closed();
    const streams = await start(carrier.streams(line.url, unique()));
    const read: string[] = [];
    const consumer = streams.consume('work', 'group', (entries) => {
      for (const { body } of entries) read.push(new TextDecoder().decode(body));
      return Promise.resolve();
    });
    await expect(streams.append('work', { body: '"early"' })).rejects.toMatchObject({
      code: 'storage_unavailable',
    });
    expect((await health(streams))?.status).toBe('down');
    await line.restore();
    await expect.poll(() => consumer.health().status, { timeout: 20_000 }).toBe('ok');
    await streams.append('work', { body: '"late"' });
    await expect.poll(() => read, { timeout: 20_000 }).toEqual(['"late"']);
  }, 60_000);

  it('can be stopped before it comes', async (context) => {
    context.skip(!isThere, `there is no ${title}`);
    const line = await closed();
    const bus = carrier.bus(line.url, unique());
    await bus.start();
    await bus.subscribe('news.*', () => {});
    await bus.stop();
    await expect(bus.publish('news.a', 1)).rejects.toMatchObject({ code: 'not_ready' });
    await bus.start();
    await line.restore();
    await expect.poll(async () => (await health(bus))?.status, { timeout: 20_000 }).toBe('ok');
    await bus.stop();
  }, 60_000);

  it('fails the start where it refuses the user', async (context) => {
    context.skip(!isThere, `there is no ${title}`);
    const url = await carrier.refused();
    for (const part of [carrier.bus(url, unique()), carrier.streams(url, unique())]) {
      cleanups.push(() => part.stop());
      await expect(part.start()).rejects.toMatchObject({
        code: 'invalid_config',
        message: expect.stringMatching(/refuses the user or password/),
      });
    }
  }, 60_000);
});

describe('an AMQP broker that comes later', () => {
  it('brings the events that wait in its queue', async (context) => {
    context.skip(!hasAmqp, 'there is no AMQP broker');
    const exchange = unique();
    const queue = `${exchange}in`;
    const foreign = await connectAmqp(amqpUrl);
    cleanups.push(() => foreign.close());
    const channel = await foreign.createConfirmChannel();
    cleanups.push(async () => {
      await channel.deleteQueue(queue);
      await channel.deleteQueue(`${queue}.dead`);
      await channel.deleteExchange(exchange);
    });
    await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
    channel.sendToQueue(queue, Buffer.from('{"order":7}'), { messageId: 'm1' });
    await channel.waitForConfirms();
    const line = await openCutLine(amqpUrl);
    await line.block();
    cleanups.push(() => line.block());
    const taken: unknown[] = [];
    const handler = new AmqpEventHandler({
      ...deps,
      url: line.url,
      exchange,
      queue,
      onEvent: (event) => {
        taken.push(event.payload);
        return Promise.resolve();
      },
    });
    cleanups.push(() => handler.stop());
    await handler.start();
    await expect(handler.emit({ id: 'e', name: 'agent.events.completed', payload: 1 })).rejects.toMatchObject(
      {
        code: 'storage_unavailable',
      },
    );
    expect((await handler.health()).status).toBe('down');
    await line.restore();
    await expect.poll(() => taken, { timeout: 20_000 }).toEqual([{ order: 7 }]);
    await handler.emit({ id: 'e', name: 'agent.events.completed', payload: 1 });
    expect((await handler.health()).status).toBe('ok');
  }, 60_000);

  it('fails the start where its virtual host is not there', async (context) => {
    context.skip(!hasAmqp, 'there is no AMQP broker');
    const bus = new AmqpBus({ ...deps, url: `${amqpUrl}/no-such-host` });
    await expect(bus.start()).rejects.toMatchObject({
      code: 'invalid_config',
      message: expect.stringContaining('virtual host'),
    });
  });
});
