import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger, systemClock } from '../../base/index.ts';
import { PgBossQueue, type QueueConsumer, type QueueJob } from '../../platform/queue/index.ts';
import type { StorageFixture } from './storage-contract.ts';

/** How jobs are put off, and share their pumps with those of their group, alike on every storage. */
export function queueWaitsContract(name: string, create: () => Promise<StorageFixture>): void {
  describe(`jobs that wait: ${name}`, () => {
    let fixture: StorageFixture;
    let queue: PgBossQueue;
    const consumers: QueueConsumer[] = [];

    const open = async (): Promise<void> => {
      queue = new PgBossQueue({ storage: fixture.storage, clock: systemClock, logger: silentLogger });
      await queue.start();
    };

    beforeAll(async () => {
      fixture = await create();
      await fixture.storage.start();
      await open();
    }, 60_000);

    afterEach(async () => {
      await Promise.all(consumers.splice(0).map((consumer) => consumer.stop()));
    });

    afterAll(async () => {
      await queue.stop();
      await fixture.storage.stop();
      await fixture.dispose();
    }, 60_000);

    const send = (key: string, payload: { [name: string]: number } = {}): Promise<string> =>
      fixture.storage.transaction((trx) => queue.send('runs', { key, payload }, trx));

    const consume = (
      handler: (job: QueueJob) => Promise<void>,
      options: { concurrency: number; perGroup?: number; pollIntervalMs?: number } = { concurrency: 8 },
    ): QueueConsumer => {
      const consumer = queue.consume('runs', { pollIntervalMs: 200, ...options }, handler);
      consumers.push(consumer);
      return consumer;
    };

    /** Takes a job and works on it until the gate opens. */
    const hold = async (gate: Promise<void>): Promise<QueueJob> => {
      const held = Promise.withResolvers<QueueJob>();
      const work = async (job: QueueJob): Promise<void> => {
        held.resolve(job);
        await gate;
      };
      consume(work, { concurrency: 1 });
      return held.promise;
    };

    const complete = (job: QueueJob): Promise<boolean> =>
      fixture.storage.transaction((trx) => queue.complete(job, trx));

    const idle = (): Promise<void> =>
      expect.poll(() => queue.depth('runs'), { timeout: 10_000 }).toEqual({ waiting: 0, active: 0 });

    it('puts a job off in its place: its key waits, others pass, and no failure is counted', async () => {
      const seen: string[] = [];
      let takenAgainAt = 0;
      const notBefore = new Date(systemClock.now() + 1_000);
      const work = async (job: QueueJob): Promise<void> => {
        seen.push(`${job.key}.${job.payload['index'] as number}#${job.attempt}`);
        if (seen.length === 1)
          await fixture.storage.transaction(async (trx) => {
            expect(await queue.postpone(job, notBefore, trx)).toBe(true);
          });
        else if (job.key === 'put-off') takenAgainAt ||= systemClock.now();
      };
      await send('put-off', { index: 0 });
      await send('put-off', { index: 1 });
      const first = consume(work);
      await expect.poll(() => seen).toEqual(['put-off.0#1']);
      await first.stop();
      expect(await queue.depth('runs')).toEqual({ waiting: 2, active: 0 });
      // As after a restart of the process.
      await queue.stop();
      await open();
      await send('passes', { index: 0 });
      consume(work);
      await expect
        .poll(() => seen, { timeout: 10_000 })
        .toEqual(['put-off.0#1', 'passes.0#1', 'put-off.0#1', 'put-off.1#1']);
      expect(takenAgainAt).toBeGreaterThanOrEqual(notBefore.getTime() - 5);
      await idle();
    }, 20_000);

    it('takes those at once that are wanted now, each in its place', async () => {
      const seen: string[] = [];
      const later = new Date(systemClock.now() + 60_000);
      const putOff = new Set(['wanted', 'other']);
      const work = async (job: QueueJob): Promise<void> => {
        seen.push(`${job.key}.${job.payload['index'] as number}`);
        if (!putOff.delete(job.key)) return;
        await fixture.storage.transaction((trx) => queue.postpone(job, later, trx));
      };
      for (const key of ['wanted', 'other']) await send(key, { index: 0 });
      await send('wanted', { index: 1 });
      consume(work);
      await expect.poll(() => seen.toSorted()).toEqual(['other.0', 'wanted.0']);
      await expect.poll(() => queue.depth('runs')).toEqual({ waiting: 3, active: 0 });
      expect(await queue.hasten('runs', sql`data->>'index' = '7'`)).toBe(0);
      expect(await queue.hasten('runs', sql`singleton_key = 'wanted' and data->>'index' = '0'`)).toBe(1);
      await expect.poll(() => seen.slice(2)).toEqual(['wanted.0', 'wanted.1']);
      expect(await queue.depth('runs')).toEqual({ waiting: 1, active: 0 });
      expect(await queue.hasten('runs', sql`true`)).toBe(1);
      await idle();
    }, 20_000);

    it('puts off nothing that another process has, and nothing in a transaction that rolls back', async () => {
      const gate = Promise.withResolvers<void>();
      const later = new Date(systemClock.now() + 60_000);
      const id = await send('fenced');
      const first = await hold(gate.promise);
      const rolledBack = fixture.storage.transaction(async (trx) => {
        expect(await queue.postpone(first, later, trx)).toBe(true);
        throw new Error('no');
      });
      await expect(rolledBack).rejects.toThrow('no');
      await queue.release('runs', [id]);
      const second = await hold(gate.promise);
      const postpone = (job: QueueJob): Promise<boolean> =>
        fixture.storage.transaction((trx) => queue.postpone(job, later, trx));
      expect([await postpone(first), await complete(second), await postpone(second)]).toEqual([
        false,
        true,
        false,
      ]);
      gate.resolve();
      await idle();
    });

    it('takes no more jobs of one group at once than it may, and those of others beside them', async () => {
      const gate = Promise.withResolvers<void>();
      await fixture.storage.transaction(async (trx) => {
        for (let index = 0; index < 12; index += 1)
          await queue.send('runs', { key: `slow-${index}`, group: 'slow', payload: {} }, trx);
        await queue.send('runs', { key: 'quick', group: 'quick', payload: {} }, trx);
        await queue.send('runs', { key: 'alone', payload: {} }, trx);
      });
      const slow = new Set<string>();
      const others = new Set<string>();
      let most = 0;
      const consumer = consume(
        async ({ key }) => {
          if (!key.startsWith('slow-')) {
            others.add(key);
            return;
          }
          slow.add(key);
          most = Math.max(most, consumer.active);
          await gate.promise;
        },
        { concurrency: 10, perGroup: 4, pollIntervalMs: 60_000 },
      );
      await expect.poll(() => [...others].toSorted()).toEqual(['alone', 'quick']);
      await expect.poll(() => consumer.active).toBe(4);
      expect(slow.size).toBe(4);
      gate.resolve();
      await expect.poll(() => slow.size).toBe(12);
      expect(most).toBeLessThanOrEqual(6);
      await idle();
    });
  });
}
