import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AppError, type Json } from '../../base/index.ts';
import type { MessageBus } from '../../platform/bus/index.ts';

/** Collects what a subscription receives and resolves once enough has come. */
function inbox() {
  const received: { subject: string; payload: Json }[] = [];
  const watchers = new Set<() => void>();
  return {
    received,
    handler: (payload: Json, { subject }: { subject: string }): void => {
      received.push({ subject, payload });
      for (const watcher of watchers) watcher();
    },
    until: (count: number): Promise<void> =>
      new Promise((resolve) => {
        const look = (): void => {
          if (received.length < count) return;
          watchers.delete(look);
          resolve();
        };
        watchers.add(look);
        look();
      }),
  };
}

/** A bus under test; nothing is started. */
export interface BusHarness {
  readonly bus: MessageBus;
  /** Another process on the same carrier; where there can be none, the same. */
  readonly peer: MessageBus;
  /** Breaks the connections of `bus`. */
  readonly cut?: () => void | Promise<void>;
  readonly remove?: () => Promise<void>;
}

/** Behaviour that every message bus has; run it on each adapter. */
export function busContract(name: string, createHarness: () => BusHarness | Promise<BusHarness>): void {
  describe(`${name}: message bus`, { timeout: 30_000 }, () => {
    let bus: MessageBus;
    let peer: MessageBus;
    let harness: BusHarness;
    beforeEach(async () => {
      harness = await createHarness();
      ({ bus, peer } = harness);
      await bus.start();
      await peer.start();
    });
    afterEach(async () => {
      await bus.stop();
      await peer.stop();
      await harness.remove?.();
    });

    it('connects processes', async () => {
      const far = inbox();
      await peer.subscribe('far.*', far.handler);
      await peer.respond('far.add', async (payload) => (payload as number) + 1);
      await bus.publish('far.away', { text: 'Grüße 👋' });
      await far.until(1);
      expect(far.received).toEqual([{ subject: 'far.away', payload: { text: 'Grüße 👋' } }]);
      expect(await bus.request('far.add', 1)).toBe(2);
    });

    it('asks one of several responders, whichever process they are in', async () => {
      let asked = 0;
      const answer = async (): Promise<Json> => {
        asked += 1;
        return 'here';
      };
      await bus.respond('who', answer);
      await peer.respond('who', answer);
      for (let round = 0; round < 10; round += 1) expect(await bus.request('who', null)).toBe('here');
      expect(asked).toBe(10);
    });

    it('goes on after the connection was cut', async (context) => {
      const { cut } = harness;
      if (cut === undefined) {
        context.skip();
        return;
      }
      const seen = inbox();
      await bus.subscribe('line.>', seen.handler);
      await bus.respond('line.ask', async () => 'there');
      await bus.publish('line.one', 1);
      await seen.until(1);
      await cut();
      await vi.waitUntil(
        async () => {
          await peer.publish('line.two', 2).catch(() => {});
          return seen.received.some(({ payload }) => payload === 2);
        },
        { timeout: 20_000, interval: 50 },
      );
      await vi.waitUntil(
        async () => (await peer.request('line.ask', 1, { timeoutMs: 500 }).catch(() => null)) === 'there',
        { timeout: 20_000, interval: 50 },
      );
      await vi.waitUntil(
        async () =>
          bus.publish('line.three', 3).then(
            () => true,
            () => false,
          ),
        { timeout: 20_000, interval: 50 },
      );
    });

    it('delivers a message to every matching subscription and to no other', async () => {
      const exact = inbox();
      const star = inbox();
      const rest = inbox();
      const other = inbox();
      await bus.subscribe('runs.r1.ended', exact.handler);
      await bus.subscribe('runs.*.ended', star.handler);
      await bus.subscribe('runs.>', rest.handler);
      await bus.subscribe('runs.*', other.handler);
      await bus.publish('runs.r1.ended', { ok: true });
      await Promise.all([exact.until(1), star.until(1), rest.until(1)]);
      expect(rest.received).toEqual([{ subject: 'runs.r1.ended', payload: { ok: true } }]);
      await bus.publish('runs.last', 1);
      await other.until(1);
      expect(other.received).toEqual([{ subject: 'runs.last', payload: 1 }]);
      expect(exact.received).toHaveLength(1);
    });

    it('does not let ">" match the subject in front of it', async () => {
      const rest = inbox();
      await bus.subscribe('a.>', rest.handler);
      await bus.publish('a', 0);
      await bus.publish('a.b', 1);
      await rest.until(1);
      expect(rest.received.map(({ payload }) => payload)).toEqual([1]);
    });

    it('keeps the order of one publisher and runs handlers one at a time', async () => {
      const seen: Json[] = [];
      let inside = 0;
      let together = 0;
      const done = inbox();
      await bus.subscribe('order', async (payload, context) => {
        inside += 1;
        together = Math.max(together, inside);
        await new Promise((resolve) => {
          setImmediate(resolve);
        });
        seen.push(payload);
        inside -= 1;
        done.handler(payload, context);
      });
      for (let index = 0; index < 100; index += 1) await bus.publish('order', index);
      await done.until(100);
      expect(seen).toEqual(Array.from({ length: 100 }, (_unused, index) => index));
      expect(together).toBe(1);
    });

    it('goes on after a handler that failed', async () => {
      const after = inbox();
      await bus.subscribe('fragile', (payload, context) => {
        if (payload === 0) throw new Error('bad handler');
        after.handler(payload, context);
      });
      await bus.publish('fragile', 0);
      await bus.publish('fragile', 1);
      await after.until(1);
      expect(after.received[0]?.payload).toBe(1);
    });

    it('hands nothing over after unsubscribing', async () => {
      const gone = inbox();
      const stays = inbox();
      const subscription = await bus.subscribe('news', gone.handler);
      await bus.subscribe('news', stays.handler);
      await subscription.unsubscribe();
      await subscription.unsubscribe();
      await bus.publish('news', 1);
      await stays.until(1);
      expect(gone.received).toEqual([]);
    });

    it('answers a request, with the error of the responder when it fails', async () => {
      await bus.respond('double', async (payload) => (payload as number) * 2);
      await bus.respond('fail.*', () => Promise.reject(new AppError('conflict', 'taken')));
      expect(await bus.request('double', 21)).toBe(42);
      await expect(bus.request('fail.now', null)).rejects.toMatchObject({
        code: 'conflict',
        message: 'taken',
      });
    });

    it('says so when nobody listens, and when nobody answers in time', async () => {
      await expect(bus.request('nobody', 1)).rejects.toMatchObject({ code: 'not_found' });
      await bus.respond('silent', () => new Promise<Json>(() => {}));
      await expect(bus.request('silent', 1, { timeoutMs: 20 })).rejects.toMatchObject({ code: 'timeout' });
    });

    it('waits five seconds for an answer unless told otherwise', async () => {
      await bus.respond('silent', () => new Promise<Json>(() => {}));
      const begun = performance.now();
      await expect(bus.request('silent', 1)).rejects.toMatchObject({ code: 'timeout' });
      expect(performance.now() - begun).toBeGreaterThan(4900);
      expect(performance.now() - begun).toBeLessThan(9000);
    });

    it('lets an asker give up', async () => {
      await bus.respond('silent', () => new Promise<Json>(() => {}));
      const controller = new AbortController();
      const asked = bus.request('silent', 1, { signal: controller.signal });
      controller.abort(new Error('not needed any more'));
      await expect(asked).rejects.toThrow('not needed any more');
    });

    it.each(['', 'a..b', 'a.*', 'a.>', 'a b', '.a', 'a'.repeat(300)])(
      'refuses to publish on %j',
      async (subject) => {
        await expect(bus.publish(subject, 1)).rejects.toMatchObject({ code: 'invalid_request' });
      },
    );

    it.each(['', 'a.>.b', 'a*', '>a'])('refuses to subscribe to %j', async (pattern) => {
      await expect(bus.subscribe(pattern, () => {})).rejects.toMatchObject({ code: 'invalid_request' });
    });

    it('finishes what was published before it stops, and refuses what comes after', async () => {
      const slow = inbox();
      await bus.subscribe('last', async (payload, context) => {
        await new Promise((resolve) => {
          setImmediate(resolve);
        });
        slow.handler(payload, context);
      });
      for (let index = 0; index < 5; index += 1) await bus.publish('last', index);
      await bus.stop();
      await bus.stop();
      expect(slow.received).toHaveLength(5);
      await expect(bus.publish('last', 5)).rejects.toMatchObject({ code: 'not_ready' });
    });
  });
}
