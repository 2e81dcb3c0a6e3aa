import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AppError, tryParseJson, type Json } from '../../base/index.ts';
import type { EventStreams, StreamEntry, StreamHandler } from '../../platform/bus/index.ts';

/** Streams under test; nothing is started. */
export interface StreamHarness {
  readonly streams: EventStreams;
  /** Another process on the same carrier; where there can be none, the same. */
  readonly peer: EventStreams;
  /** In front of the names of this run. */
  readonly prefix: string;
  /** Entries from before its first consumer reach a group. */
  readonly keepsWithoutGroup: boolean;
  /** What a consumer gave back as it stopped comes with a higher attempt; else only what a dead one left. */
  readonly countsGivenBack: boolean;
  /** Breaks the connections of `streams`, which may come back at once. */
  readonly cut?: () => void | Promise<void>;
  /** Breaks them and keeps them away until `restore`. */
  readonly block?: () => void | Promise<void>;
  readonly restore?: () => void | Promise<void>;
  readonly remove?: () => Promise<void>;
}

const decoder = new TextDecoder();

/** What was handed over, as JSON, with a way to wait for it. */
function collector(work: StreamHandler = () => Promise.resolve()) {
  const seen: Json[] = [];
  const entries: StreamEntry[] = [];
  return {
    seen,
    entries,
    handler: (async (batch, context) => {
      entries.push(...batch);
      for (const { body } of batch) seen.push(tryParseJson(decoder.decode(body)) ?? null);
      return work(batch, context);
    }) satisfies StreamHandler,
    until: (count: number) => vi.waitUntil(() => seen.length >= count, { timeout: 15_000, interval: 5 }),
  };
}

/** Behaviour that streams of every carrier have; run it on each adapter. */
export function streamContract(
  name: string,
  createHarness: () => StreamHarness | Promise<StreamHarness>,
): void {
  describe(`${name}: event streams`, { timeout: 30_000 }, () => {
    let harness: StreamHarness;
    let streams: EventStreams;
    let peer: EventStreams;
    let stream: string;
    let dead: string;
    beforeEach(async () => {
      harness = await createHarness();
      ({ streams, peer } = harness);
      stream = `${harness.prefix}orders`;
      dead = `${harness.prefix}dead`;
      await streams.start();
      await peer.start();
    });
    afterEach(async () => {
      await harness.restore?.();
      await streams.stop();
      await peer.stop();
      await harness.remove?.();
    });

    /** Appends, behind a group that is there already where the carrier needs one. */
    const append = (...bodies: readonly Json[]) =>
      bodies.reduce<Promise<unknown>>(
        (before, body) => before.then(() => peer.append(stream, { body: JSON.stringify(body) })),
        Promise.resolve(),
      );
    /** Reads the dead letters; made before the first one on carriers that keep nothing without a group. */
    const deadLetters = async () => {
      const letters = collector();
      const consumer = peer.consume(dead, 'desk', letters.handler);
      await vi.waitUntil(() => consumer.health().status === 'ok');
      return letters;
    };
    const ready = (consumer: { health(): { status: string } }) =>
      vi.waitUntil(() => consumer.health().status === 'ok', { timeout: 10_000 });

    it('gives every group each entry, in order, with headers and the first attempt', async () => {
      const one = collector();
      const two = collector();
      if (harness.keepsWithoutGroup) await append('before');
      await ready(streams.consume(stream, 'one', one.handler));
      await ready(streams.consume(stream, 'two', two.handler));
      if (!harness.keepsWithoutGroup) await append('before');
      await peer.append(
        stream,
        { body: '{"n":1}', headers: { correlation_id: 'c-1', 'content-type': 'application/json' } },
        { id: 'm-1' },
      );
      await append(2, 3);
      await Promise.all([one.until(4), two.until(4)]);
      expect(one.seen).toEqual(['before', { n: 1 }, 2, 3]);
      expect(two.seen).toEqual(one.seen);
      expect(one.entries[1]).toMatchObject({
        attempt: 1,
        headers: { correlation_id: 'c-1', message_id: 'm-1', 'content-type': 'application/json' },
      });
    });

    it('shares the entries of a group among its consumers, each to one of them', async () => {
      const one = collector();
      const two = collector();
      await ready(streams.consume(stream, 'shared', one.handler, { batch: 1 }));
      await ready(peer.consume(stream, 'shared', two.handler, { batch: 1 }));
      const all = Array.from({ length: 30 }, (_unused, index) => index);
      await append(...all);
      await vi.waitUntil(() => one.seen.length + two.seen.length >= 30, { timeout: 10_000 });
      expect([...one.seen, ...two.seen].toSorted((a, b) => Number(a) - Number(b))).toEqual(all);
    });

    it('hands over what was not acknowledged again, with a higher attempt', async () => {
      const first = collector(() => new Promise(() => {}));
      const consumer = streams.consume(stream, 'again', first.handler, { sole: true });
      await ready(consumer);
      await append('work');
      await first.until(1);
      await consumer.stop();
      const second = collector();
      await ready(peer.consume(stream, 'again', second.handler, { sole: true }));
      await second.until(1);
      if (harness.countsGivenBack) expect(second.entries[0]).toMatchObject({ attempt: 2 });
      expect(second.seen).toEqual(['work']);
    });

    it('does not hand over again what a handler resolved for', async () => {
      const first = collector();
      const consumer = streams.consume(stream, 'once', first.handler, { sole: true });
      await ready(consumer);
      await append(1, 2);
      await first.until(2);
      await consumer.stop();
      const second = collector();
      await ready(peer.consume(stream, 'once', second.handler, { sole: true }));
      await append(3);
      await second.until(1);
      expect(second.seen).toEqual([3]);
    });

    it('lets a handler finish what it has begun when it stops', async () => {
      let release = (): void => {};
      const first = collector(
        () =>
          new Promise((resolve) => {
            release = () => resolve();
          }),
      );
      const consumer = streams.consume(stream, 'drain', first.handler, { sole: true });
      await ready(consumer);
      await append('last');
      await first.until(1);
      const stopped = consumer.stop();
      release();
      await stopped;
      const second = collector();
      await ready(peer.consume(stream, 'drain', second.handler, { sole: true }));
      await append('next');
      await second.until(1);
      expect(second.seen).toEqual(['next']);
    });

    it('gives up an entry whose handler keeps failing, and only that one', async () => {
      const letters = await deadLetters();
      let tries = 0;
      const done: Json[] = [];
      const consumer = streams.consume(
        stream,
        'fragile',
        (batch) => {
          const bodies = batch.map(({ body }) => tryParseJson(decoder.decode(body)) ?? null);
          if (bodies.includes('bad')) {
            if (batch.length === 1) tries += 1;
            return Promise.reject(new Error('no good'));
          }
          done.push(...bodies);
          return Promise.resolve();
        },
        { maxAttempts: 2, deadLetters: dead },
      );
      await ready(consumer);
      await append(1, 'bad', 2, 3);
      await letters.until(1);
      await vi.waitUntil(() => done.length >= 3, { timeout: 10_000 });
      expect(done).toEqual([1, 2, 3]);
      expect(tries).toBe(2);
      expect(letters.seen).toMatchObject([
        { stream, group: 'fragile', reason: 'no good', body: '"bad"', attempts: 1 },
      ]);
    });

    it('writes what a handler refuses to the dead letters, with the reason', async () => {
      const letters = await deadLetters();
      const told: string[] = [];
      const consumer = streams.consume(
        stream,
        'picky',
        (batch) =>
          Promise.resolve(
            batch
              .filter(({ body }) => decoder.decode(body) === '2')
              .map(({ id }) => ({ id, reason: 'unwanted' })),
          ),
        { deadLetters: dead, onDeadLetter: (_entry, reason) => told.push(reason) },
      );
      await ready(consumer);
      await append(1, 2, 3);
      await letters.until(1);
      expect(letters.seen).toMatchObject([{ reason: 'unwanted', body: '2' }]);
      // Told when the broker has confirmed the letter, which may be read before that.
      await vi.waitUntil(() => told.length > 0, { timeout: 10_000 });
      expect(told).toEqual(['unwanted']);
    });

    it('does not count failures that pass by themselves', async () => {
      let tries = 0;
      const seen = collector(() => {
        tries += 1;
        return tries < 4
          ? Promise.reject(new AppError('storage_unavailable', 'the database is away'))
          : Promise.resolve();
      });
      const consumer = streams.consume(stream, 'patient', seen.handler, { maxAttempts: 1 });
      await ready(consumer);
      await append('work');
      await vi.waitUntil(() => tries === 4, { timeout: 10_000 });
      expect(new Set(seen.seen)).toEqual(new Set(['work']));
    });

    it('reads nothing further while the handler works', async () => {
      let inside = 0;
      const release: (() => void)[] = [];
      const sizes: number[] = [];
      const consumer = streams.consume(
        stream,
        'slow',
        async (batch) => {
          inside += 1;
          sizes.push(batch.length);
          await new Promise<void>((resolve) => release.push(resolve));
          inside -= 1;
        },
        { batch: 3 },
      );
      await ready(consumer);
      await append(...Array.from({ length: 12 }, (_unused, index) => index));
      await vi.waitUntil(() => sizes.length === 1, { timeout: 10_000 });
      let handled = 0;
      for (let round = 0; handled < 12; round += 1) {
        await vi.waitUntil(() => release.length > 0, { timeout: 10_000 });
        expect(inside).toBe(1);
        handled += sizes[round] ?? 0;
        release.shift()?.();
      }
      expect(Math.max(...sizes)).toBeLessThanOrEqual(3);
    });

    it('comes back after the connection was cut', async (context) => {
      const { cut } = harness;
      if (cut === undefined) {
        context.skip();
        return;
      }
      const seen = collector();
      // What was on its way when the connection broke comes again when its time to be acknowledged is over.
      const consumer = streams.consume(stream, 'cut', seen.handler, { claimAfterMs: 1500 });
      await ready(consumer);
      await append(1);
      await seen.until(1);
      await cut();
      await append(2, 3);
      await vi.waitUntil(() => new Set(seen.seen.map(String)).size === 3, { timeout: 20_000, interval: 20 });
      expect([...new Set(seen.seen)]).toEqual([1, 2, 3]);
    });

    it('takes over what a consumer left that is no more', async (context) => {
      const { block } = harness;
      if (block === undefined) {
        context.skip();
        return;
      }
      const first = collector(() => new Promise(() => {}));
      await ready(streams.consume(stream, 'left', first.handler, { claimAfterMs: 1500 }));
      await append('work');
      await first.until(1);
      await block();
      const second = collector();
      await ready(peer.consume(stream, 'left', second.handler, { claimAfterMs: 1500 }));
      await second.until(1);
      expect(second.entries[0]?.attempt).toBeGreaterThan(1);
    });

    it('refuses names that are none, and everything once it has stopped', async () => {
      await expect(streams.append('a b', { body: '1' })).rejects.toMatchObject({ code: 'invalid_request' });
      expect(() => streams.consume(stream, '', () => Promise.resolve())).toThrow(
        expect.objectContaining({ code: 'invalid_request' }),
      );
      await streams.stop();
      await streams.stop();
      await expect(streams.append(stream, { body: '1' })).rejects.toMatchObject({ code: 'not_ready' });
      await streams.start();
    });
  });
}
