import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createIdGenerator, systemClock } from '../../../src/base/index.ts';
import { DeliveryStore } from '../../../src/entrypoints/channels/delivery-store.ts';
import type { QueueJob } from '../../../src/platform/queue/index.ts';
import { startChannelGround, type ChannelGround } from './channel-ground.ts';

let ground: ChannelGround;
beforeEach(async () => {
  ground = await startChannelGround();
});
afterEach(() => ground.close());

it('gives a delivery to nobody whose job another process has by now', async () => {
  const hub = await ground.startHub([ground.define()], { deliver: false });
  const { storage, queue } = ground;
  const store = new DeliveryStore({ storage, queue, ids: createIdGenerator(systemClock.now) });
  // The handler of a process that is halted as soon as it has its job, and of the one that gets the job after it.
  const taken: QueueJob[] = [];
  const halted = Promise.withResolvers<void>();
  const consumer = queue.consume('deliveries', { concurrency: 2, pollIntervalMs: 50 }, async (job) => {
    taken.push(job);
    await halted.promise;
  });
  ground.telegram.userSays({ chatId: 7, text: 'hello' });
  await vi.waitUntil(() => taken.length === 1, { timeout: 10_000 });
  const [stale] = taken;
  if (stale === undefined) throw new Error('no delivery was queued');
  await queue.release('deliveries', [stale.id]);
  await vi.waitUntil(() => taken.length === 2, { timeout: 10_000 });
  const [, present] = taken;
  if (present === undefined) throw new Error('the delivery was not taken again');
  const outboxId = String(stale.payload['outboxId']);
  expect(await store.begin(stale, outboxId)).toBeUndefined();
  expect(await store.begin(present, outboxId)).toMatchObject({ outboxId, cursor: 0 });
  halted.resolve();
  await consumer.stop();
  await hub.stop();
});
