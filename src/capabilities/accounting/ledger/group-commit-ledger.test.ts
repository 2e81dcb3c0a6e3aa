import { describe, expect, it } from 'vitest';
import { AppError, silentLogger as logger } from '../../../base/index.ts';
import { FakeClock } from '../../../testing/fake-clock.ts';
import { GroupCommitLedger } from './group-commit-ledger.ts';
import type { LedgerStore, PreparedSettlement, StoreAnswer } from './ledger-store.ts';
import type { PreparedReservation } from './prepared-reservation.ts';

const signal = new AbortController().signal;

interface Batch {
  readonly settled: readonly string[];
  readonly reserved: readonly string[];
  answer(answers?: readonly StoreAnswer[]): Promise<void>;
  fail(error?: Error): Promise<void>;
}

/** A store that answers when the test says so. */
class HeldStore implements LedgerStore {
  readonly batches: Batch[] = [];
  readonly #clock: FakeClock;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  async start(): Promise<void> {}
  async stop(): Promise<void> {}
  use = async () => [];
  reset = async () => {};

  apply(
    settlements: readonly PreparedSettlement[],
    reservations: readonly PreparedReservation[],
  ): Promise<readonly StoreAnswer[]> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly StoreAnswer[]>();
    this.batches.push({
      settled: settlements.map(({ id }) => id),
      reserved: reservations.map(({ id }) => id),
      answer: async (answers = reservations.map(() => undefined)) => {
        resolve(answers);
        await this.#clock.advance(0);
      },
      fail: async (error = new AppError('storage_unavailable', 'gone')) => {
        reject(error);
        await this.#clock.advance(0);
      },
    });
    return promise;
  }

  /** The batch that is in flight. */
  get last(): Batch {
    const last = this.batches.at(-1);
    if (last === undefined) throw new Error('nothing was asked');
    return last;
  }
}

describe('a ledger that commits in groups', () => {
  const ground = async () => {
    const clock = new FakeClock();
    const store = new HeldStore(clock);
    const ledger = new GroupCommitLedger({ store, clock, logger });
    await ledger.start();
    const reserve = (id: string, options: { signal?: AbortSignal } = {}) =>
      ledger.reserve(
        {
          id,
          subjects: [{ key: 'k', limits: { rpm: 1 } }],
          tokens: 1,
          usd: 0,
          expiresAtMs: clock.now() + 60_000,
        },
        { signal: options.signal ?? signal },
      );
    return { clock, store, ledger, reserve };
  };

  it('asks for a lone reservation at once, and for those that come meanwhile together', async () => {
    const { store, reserve } = await ground();
    const all = [reserve('a'), reserve('b'), reserve('c')];
    expect(store.batches.map(({ reserved }) => reserved)).toEqual([['a']]);
    await store.last.answer();
    expect(store.batches.map(({ reserved }) => reserved)).toEqual([['a'], ['b', 'c']]);
    await store.last.answer([
      undefined,
      { refused: { key: 'k', limit: 'rpm', allowed: 1, used: 1, retryAfterMs: 5 } },
    ]);
    expect(await Promise.all(all)).toEqual([
      undefined,
      undefined,
      { key: 'k', limit: 'rpm', allowed: 1, used: 1, retryAfterMs: 5 },
    ]);
  });

  it('sends what is settled with the next reservation, else within 100 ms, once it is confirmed never again', async () => {
    const { clock, store, ledger, reserve } = await ground();
    ledger.settle('s1', { tokens: 1, usd: 0.1 });
    ledger.release('s2');
    const asked = reserve('a');
    expect(store.last).toMatchObject({ settled: ['s1', 's2'], reserved: ['a'] });
    // Settled while the batch is in flight: not confirmed by it.
    ledger.settle('s3', { tokens: 1, usd: 0.1 });
    ledger.settle('s1', { tokens: 9, usd: 9 });
    await store.last.answer();
    await asked;
    expect(store.batches).toHaveLength(1);
    await clock.advance(100);
    expect(store.last).toMatchObject({ settled: ['s3'], reserved: [] });
    await store.last.answer();
    await clock.advance(10_000);
    expect(store.batches).toHaveLength(2);
  });

  it('does not wait where 500 calls are settled', async () => {
    const { store, ledger } = await ground();
    for (let index = 0; index < 500; index += 1) ledger.settle(`s${index}`, { tokens: 1, usd: 0 });
    expect(store.last.settled).toHaveLength(500);
    await store.last.answer();
  });

  it('tries again, with longer and longer pauses, what could not be settled', async () => {
    const { clock, store, ledger } = await ground();
    ledger.settle('s1', { tokens: 1, usd: 0.1 });
    const at: number[] = [];
    const begun = clock.now();
    await clock.advance(100);
    for (let tries = 0; tries < 8; tries += 1) {
      at.push(clock.now() - begun);
      expect(store.last.settled).toEqual(['s1']);
      await store.last.fail();
      const before = store.batches.length;
      while (store.batches.length === before) await clock.advance(50);
    }
    expect(at.slice(1).map((time, index) => time - (at[index] ?? 0))).toEqual([
      100, 200, 400, 800, 1600, 3200, 5000,
    ]);
    await store.last.answer();
  });

  it('fails reservations when the store does, and gives back what may have been made', async () => {
    const { clock, store, reserve } = await ground();
    const asked = reserve('a').catch((error: unknown) => error);
    await store.last.fail(new Error('odd'));
    expect(await asked).toMatchObject({ code: 'storage_unavailable' });
    await clock.advance(200);
    expect(store.last).toMatchObject({ settled: ['a'], reserved: [] });
    await store.last.answer();
  });

  it('lets nobody wait longer than five seconds, and gives back what is granted too late', async () => {
    const { clock, store, reserve } = await ground();
    const slow = reserve('slow').catch((error: unknown) => error);
    const controller = new AbortController();
    const gone = reserve('gone', { signal: controller.signal }).catch((error: unknown) => error);
    controller.abort(new Error('enough'));
    expect(await gone).toMatchObject({ message: 'enough' });
    await clock.advance(5000);
    expect(await slow).toMatchObject({ code: 'storage_unavailable' });
    await store.last.answer();
    // Who had gone before its turn was never asked for.
    expect(store.batches.map(({ reserved }) => reserved).flat()).toEqual(['slow']);
    await clock.advance(100);
    expect(store.last.settled).toEqual(['slow']);
    await store.last.answer();
  });

  it('settles everything before it stops', async () => {
    const { clock, store, ledger, reserve } = await ground();
    ledger.settle('s1', { tokens: 1, usd: 0.1 });
    const stopped = ledger.stop();
    await clock.advance(0);
    await store.last.fail();
    await clock.advance(100);
    expect(store.last.settled).toEqual(['s1']);
    await store.last.answer();
    await clock.advance(100);
    await stopped;
    await expect(reserve('late')).rejects.toMatchObject({ code: 'not_ready' });
  });
});
