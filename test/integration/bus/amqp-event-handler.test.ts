import { randomBytes } from 'node:crypto';
import { connect, type ChannelModel } from 'amqplib';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AppError, silentLogger as logger, systemClock as clock } from '../../../src/base/index.ts';
import { AmqpEventHandler, type BrokerEvent } from '../../../src/platform/bus/index.ts';

const url = process.env['TEST_AMQP_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672';

const available = await connect(url, { timeout: 2000 }).then(
  async (connection) => {
    await connection.close();
    return true;
  },
  () => false,
);

describe.skipIf(!available)(`events over AMQP (skipped: no broker at ${new URL(url).host})`, () => {
  const exchange = `a33test.${process.pid}-${randomBytes(4).toString('hex')}`;
  const queue = `${exchange}.in`;
  let foreign: ChannelModel;
  let taken: BrokerEvent[];
  let failing: Error | undefined;
  let handler: AmqpEventHandler;

  beforeEach(async () => {
    foreign = await connect(url);
    taken = [];
    failing = undefined;
    handler = new AmqpEventHandler({
      clock,
      logger,
      url,
      exchange,
      queue,
      subscribe: ['external.>', 'orders.*'],
      onEvent: (event) => {
        if (failing !== undefined) return Promise.reject(failing);
        taken.push(event);
        return Promise.resolve();
      },
    });
    await handler.start();
  });
  afterEach(async () => {
    await handler.stop();
    const channel = await foreign.createChannel();
    await channel.deleteQueue(queue);
    await channel.deleteQueue(`${queue}.dead`);
    await channel.deleteExchange(exchange);
    await foreign.close();
  });

  const say = async (name: string, body: string, messageId?: string): Promise<void> => {
    const channel = await foreign.createConfirmChannel();
    channel.publish(exchange, name, Buffer.from(body), messageId === undefined ? {} : { messageId });
    await channel.waitForConfirms();
    await channel.close();
  };

  it('takes in what its patterns name, with the id of the sender', async () => {
    await say('orders.paid', '{"order":7}', 'm1');
    await say('other.thing', '1');
    await say('external.github.push', '"x"');
    await vi.waitUntil(() => taken.length === 2, { timeout: 10_000 });
    expect(taken).toEqual([
      { id: 'm1', name: 'orders.paid', payload: { order: 7 } },
      { id: undefined, name: 'external.github.push', payload: 'x' },
    ]);
  });

  it('keeps an event while the database is away', async () => {
    failing = new AppError('storage_unavailable', 'away');
    await say('orders.paid', '1');
    await say('orders.sent', '2');
    failing = undefined;
    await vi.waitUntil(() => taken.length >= 2, { timeout: 10_000 });
    expect([...new Set(taken.map(({ name }) => name))]).toEqual(['orders.paid', 'orders.sent']);
  });

  it('puts aside what is no JSON, with the reason', async () => {
    await say('orders.paid', 'no json');
    const channel = await foreign.createChannel();
    const letter = await vi.waitUntil(() => channel.get(`${queue}.dead`, { noAck: true }), {
      timeout: 10_000,
    });
    expect(letter.content.toString()).toBe('no json');
    expect(letter.properties.headers).toMatchObject({ reason: 'the body is no JSON' });
  });

  it('sends events out, persistent and under their names', async () => {
    const channel = await foreign.createChannel();
    const { queue: own } = await channel.assertQueue('', { exclusive: true });
    await channel.bindQueue(own, exchange, 'agent.events.*');
    await handler.emit({ id: 'run_1:1', name: 'agent.events.completed', payload: { ok: true } });
    const message = await vi.waitUntil(() => channel.get(own, { noAck: true }), { timeout: 10_000 });
    expect(message.fields.routingKey).toBe('agent.events.completed');
    expect(message.properties).toMatchObject({ messageId: 'run_1:1', deliveryMode: 2 });
    expect(JSON.parse(message.content.toString())).toEqual({ ok: true });
  });
});
