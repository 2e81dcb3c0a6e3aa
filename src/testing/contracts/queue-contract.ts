import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger, systemClock } from '../../base/index.ts';
import { PgBossQueue, createJobId, type QueueConsumer, type QueueJob } from '../../platform/queue/index.ts';
import { queueWaitsContract } from './queue-waits-contract.ts';
import type { StorageFixture } from './storage-contract.ts';

/** What the queue does alike on every storage. */
export function queueContract(name: string, create: () => Promise<StorageFixture>): void {
  queueWaitsContract(name, create);
  describe(`queue: ${name}`, () => {
    let fixture: StorageFixture;
    let queue: PgBossQueue;
    const consumers: QueueConsumer[] = [];

    const createQueue = (leaseMs?: number): PgBossQueue =>
      new PgBossQueue({
        storage: fixture.storage,
        clock: systemClock,
        logger: silentLogger,
        ...(leaseMs === undefined ? {} : { leaseMs }),
      });

    beforeAll(async () => {
      fixture = await create();
      await fixture.storage.start();
      queue = createQueue();
      await queue.start();
    }, 60_000);

    afterEach(async () => {
      await Promise.all(consumers.splice(0).map((consumer) => consumer.stop()));
    });

    afterAll(async () => {
      await queue.stop();
      await fixture.storage.stop();
      await fixture.dispose();
    }, 60_000);

    const send = (
      key: string,
      payload: { [name: string]: number | string } = {},
      id?: string,
    ): Promise<string> =>
      fixture.storage.transaction((trx) =>
        queue.send('runs', { key, payload, ...(id === undefined ? {} : { id }) }, trx),
      );

    const consume = (
      handler: (job: QueueJob) => Promise<void>,
      options: { concurrency?: number; on?: PgBossQueue; pollIntervalMs?: number } = {},
    ): QueueConsumer => {
      const consumer = (options.on ?? queue).consume(
        'runs',
        { concurrency: options.concurrency ?? 8, pollIntervalMs: options.pollIntervalMs ?? 200 },
        handler,
      );
      consumers.push(consumer);
      return consumer;
    };

    /** Takes this many jobs and works on them until the gate opens. */
    const hold = async (count: number, gate: Promise<void>): Promise<readonly QueueJob[]> => {
      const held: QueueJob[] = [];
      const work = async (job: QueueJob): Promise<void> => {
        held.push(job);
        await gate;
      };
      consume(work, { concurrency: count });
      await expect.poll(() => held.length).toBe(count);
      return held;
    };

    const complete = (job: QueueJob): Promise<boolean> =>
      fixture.storage.transaction((trx) => queue.complete(job, trx));

    /** A job as a process leaves it that is killed right after it took it: active, and nobody works on it. */
    const abandon = async (key: string): Promise<void> => {
      const notBefore = new Date(systemClock.now() + 60_000);
      await fixture.storage.transaction((trx) => queue.send('runs', { key, payload: {}, notBefore }, trx));
      await sql`
        update pgboss.job set state = 'active', started_on = now(), heartbeat_on = now()
        where singleton_key = ${key}`.execute(fixture.storage.db);
    };

    const idle = (): Promise<void> =>
      expect.poll(() => queue.depth('runs'), { timeout: 10_000 }).toEqual({ waiting: 0, active: 0 });

    it('takes a transactional send as its very first act', async () => {
      const seen: QueueJob[] = [];
      const id = await send('first', { text: 'hello' });
      consume(async (job) => void seen.push(job));
      await expect.poll(() => seen.length).toBe(1);
      expect(seen[0]).toMatchObject({
        id,
        queue: 'runs',
        key: 'first',
        payload: { text: 'hello' },
        attempt: 1,
      });
      await idle();
    });

    it('leaves no job behind when the transaction rolls back', async () => {
      const rolledBack = fixture.storage.transaction(async (trx) => {
        await queue.send('runs', { key: 'gone', payload: {} }, trx);
        throw new Error('no');
      });
      await expect(rolledBack).rejects.toThrow('no');
      expect(await queue.depth('runs')).toEqual({ waiting: 0, active: 0 });
    });

    it('takes the id that a job brings, once', async () => {
      const id = createJobId(systemClock.now());
      expect(await send('own-id', {}, id)).toBe(id);
      await expect(send('own-id', {}, id)).rejects.toMatchObject({ code: 'conflict' });
      expect(await queue.pending('runs', [id])).toEqual(new Set([id]));
      consume(async () => {});
      await idle();
      expect(await queue.pending('runs', [id])).toEqual(new Set());
    });

    it('keeps the order per key and runs one job of a key at a time', async () => {
      const keys = 200;
      const perKey = 3;
      for (let round = 0; round < perKey; round += 1) {
        await fixture.storage.transaction(async (trx) => {
          for (let key = 0; key < keys; key += 1) {
            await queue.send('runs', { key: `order-${key}`, payload: { round } }, trx);
          }
        });
      }
      const rounds = new Map<string, number[]>();
      const running = new Set<string>();
      let overlaps = 0;
      consume(
        async (job) => {
          if (running.has(job.key)) overlaps += 1;
          running.add(job.key);
          await Promise.resolve();
          rounds.set(job.key, [...(rounds.get(job.key) ?? []), job.payload['round'] as number]);
          running.delete(job.key);
          await complete(job);
        },
        { concurrency: 32 },
      );
      await expect.poll(() => [...rounds.values()].flat().length, { timeout: 60_000 }).toBe(keys * perKey);
      expect(overlaps).toBe(0);
      for (const seen of rounds.values()) expect(seen).toEqual([0, 1, 2]);
      await idle();
    }, 90_000);

    it('keeps the order of jobs of one key that were sent within one tick of the clock', async () => {
      await fixture.storage.transaction(async (trx) => {
        for (let index = 0; index < 20; index += 1) {
          await queue.send('runs', { key: 'tick', payload: { index } }, trx);
        }
      });
      const seen: number[] = [];
      consume(async (job) => void seen.push(job.payload['index'] as number));
      await expect.poll(() => seen.length, { timeout: 10_000 }).toBe(20);
      expect(seen).toEqual(Array.from({ length: 20 }, (_unused, index) => index));
      await idle();
    });

    it('never runs more jobs at once than allowed', async () => {
      let most = 0;
      let done = 0;
      for (let index = 0; index < 20; index += 1) await send(`limit-${index}`);
      const consumer = consume(
        async () => {
          most = Math.max(most, consumer.active);
          await systemClock.sleep(5);
          done += 1;
        },
        { concurrency: 3 },
      );
      await expect.poll(() => done, { timeout: 10_000 }).toBe(20);
      expect(most).toBe(3);
      await idle();
    });

    it('hands a job over at once after wake or notification, without a poll', async () => {
      const seen: string[] = [];
      consume(async (job) => void seen.push(job.id), { pollIntervalMs: 60_000 });
      await expect.poll(() => seen.length).toBe(0);
      for (let index = 0; index < 5; index += 1) {
        const id = await send(`fast-${index}`);
        await expect.poll(() => seen, { interval: 2, timeout: 2_000 }).toContain(id);
      }
      await idle();
    });

    it('gives a job whose handler threw again after a while, holding back its key', async () => {
      const seen: string[] = [];
      await send('retry', { index: 0 });
      await send('retry', { index: 1 });
      consume(async (job) => {
        seen.push(`${job.payload['index'] as number}#${job.attempt}`);
        if (seen.length === 1) throw new Error('first time');
      });
      await expect.poll(() => seen, { timeout: 10_000 }).toEqual(['0#1', '0#2', '1#1']);
      await idle();
    }, 20_000);

    it('does not run a deferred job early, and lets others of its key pass', async () => {
      const seen: string[] = [];
      const notBefore = new Date(systemClock.now() + 700);
      await fixture.storage.transaction((trx) =>
        queue.send('runs', { key: 'deferred', payload: { name: 'later' }, notBefore }, trx),
      );
      await send('deferred', { name: 'now' });
      let startedAt = 0;
      consume(async (job) => {
        seen.push(job.payload['name'] as string);
        startedAt = systemClock.now();
      });
      await expect.poll(() => seen, { timeout: 10_000 }).toEqual(['now', 'later']);
      expect(startedAt).toBeGreaterThanOrEqual(notBefore.getTime() - 5);
      await idle();
    });

    it('completes with the transaction: rolled back, the job is still held', async () => {
      const gate = Promise.withResolvers<void>();
      const first = Promise.withResolvers<QueueJob>();
      await send('settle');
      consume(async (job) => {
        first.resolve(job);
        await gate.promise;
        expect(await complete(job)).toBe(true);
      });
      const job = await first.promise;
      const rolledBack = fixture.storage.transaction(async (trx) => {
        expect(await queue.complete(job, trx)).toBe(true);
        throw new Error('no');
      });
      await expect(rolledBack).rejects.toThrow('no');
      expect(await queue.depth('runs')).toEqual({ waiting: 0, active: 1 });
      gate.resolve();
      await idle();
    });

    it('gives the jobs of a dead process back at once, and refuses its late complete', async () => {
      const held: QueueJob[] = [];
      const gate = Promise.withResolvers<void>();
      const dead = consume(
        async (job) => {
          held.push(job);
          await gate.promise;
        },
        { concurrency: 1 },
      );
      await send('taken', { index: 0 });
      await send('taken', { index: 1 });
      await expect.poll(() => held.length).toBe(1);
      const stale = held[0] as QueueJob;
      expect(await queue.release('runs', [stale.id, createJobId(0)])).toBe(1);
      expect(await queue.release('runs', [stale.id])).toBe(0);

      const seen: string[] = [];
      const taken = Promise.withResolvers<void>();
      consume(async (job) => {
        seen.push(`${job.payload['index'] as number}#${job.attempt}`);
        if (seen.length === 1) {
          expect(await complete(stale)).toBe(false);
          taken.resolve();
        }
      });
      await taken.promise;
      await expect.poll(() => seen).toEqual(['0#2', '1#1']);
      gate.resolve();
      await dead.stop();
      await idle();
      expect(seen).toEqual(['0#2', '1#1']);
    });

    it('says whether a job is still held, until it is given to another', async () => {
      const gate = Promise.withResolvers<void>();
      const isHeld = async (job: QueueJob | undefined): Promise<boolean> => {
        const { rows } = await queue.held(job as QueueJob).execute(fixture.storage.db);
        return rows.length === 1;
      };
      const id = await send('held');
      const [first] = await hold(1, gate.promise);
      expect(await isHeld(first)).toBe(true);
      await queue.release('runs', [id]);
      expect(await isHeld(first)).toBe(false);
      const [second] = await hold(1, gate.promise);
      expect(second?.attempt).toBe(2);
      expect([await isHeld(first), await isHeld(second)]).toEqual([false, true]);
      gate.resolve();
      await idle();
    });

    it('gives back only what is confirmed when nobody can take it any more', async () => {
      const gate = Promise.withResolvers<void>();
      const ids = [await send('confirmed'), await send('unconfirmed')];
      await hold(2, gate.promise);
      expect(await queue.release('runs', ids, () => Promise.resolve(ids.slice(0, 1)))).toBe(1);
      expect(await queue.depth('runs')).toEqual({ waiting: 1, active: 1 });
      gate.resolve();
      await idle();
    });

    it('keeps a job that it works on when an earlier attempt at it ends in the same process', async () => {
      const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const short = createQueue(300);
      await short.start();
      try {
        const seen: string[] = [];
        const working = consume(
          async (job) => {
            seen.push(`${job.key}#${job.attempt}`);
            if (job.key === 'again') await gates[job.attempt - 1]?.promise;
          },
          { concurrency: 3, on: short },
        );
        const id = await send('again');
        await expect.poll(() => seen).toEqual(['again#1']);
        await short.release('runs', [id]);
        await expect.poll(() => seen).toEqual(['again#1', 'again#2']);
        gates[0]?.resolve();
        await expect.poll(() => working.active).toBe(1);
        // What nobody works on is given back after the lease; what is worked on would have been before it.
        await abandon('after-again');
        await expect.poll(() => seen, { timeout: 5_000 }).toContain('after-again#2');
        expect(seen).toEqual(['again#1', 'again#2', 'after-again#2']);
        gates[1]?.resolve();
        await idle();
      } finally {
        for (const gate of gates) gate.resolve();
        await short.stop();
      }
    });

    it('gives back what a process took just before it died, and leaves alone what is worked on', async () => {
      const gate = Promise.withResolvers<void>();
      const short = createQueue(300);
      await short.start();
      try {
        const seen: string[] = [];
        const working = consume(
          async (job) => {
            seen.push(`${job.key}#${job.attempt}`);
            if (job.key === 'long') await gate.promise;
          },
          { concurrency: 2, on: short },
        );
        await send('long');
        await expect.poll(() => seen).toEqual(['long#1']);
        await abandon('abandoned');
        await expect.poll(() => seen, { timeout: 5_000 }).toEqual(['long#1', 'abandoned#2']);
        await expect.poll(() => working.active).toBe(1);
        gate.resolve();
        await idle();
      } finally {
        gate.resolve();
        await short.stop();
      }
    });

    it('takes no further jobs after stop, and waits for those under way', async () => {
      const gate = Promise.withResolvers<void>();
      const started = Promise.withResolvers<void>();
      await send('stop-1');
      const consumer = consume(
        async () => {
          started.resolve();
          await gate.promise;
        },
        { concurrency: 1 },
      );
      await started.promise;
      const stopped = consumer.stop();
      await send('stop-2');
      consumer.wake();
      gate.resolve();
      await stopped;
      expect(consumer.active).toBe(0);
      expect(await queue.depth('runs')).toEqual({ waiting: 1, active: 0 });
      consume(async () => {});
      await idle();
    });

    it('may be stopped and started again', async () => {
      const other = createQueue();
      await other.start();
      await other.start();
      expect((await other.health(AbortSignal.timeout(1_000))).status).toBe('ok');
      await other.stop();
      await other.stop();
      expect((await other.health(AbortSignal.timeout(1_000))).status).toBe('down');
    });
  });
}
