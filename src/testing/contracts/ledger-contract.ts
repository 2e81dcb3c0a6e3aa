import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ledger, LedgerSubject, Refusal, Reservation } from '../../capabilities/accounting/index.ts';
import { ledgerProperties } from './ledger-properties.ts';
import {
  neverAborted as signal,
  reservation,
  subject,
  type LedgerAnswer as Answer,
} from './ledger-requests.ts';

/** Ledgers on one store, for one suite. */
export interface LedgerFixture {
  /** Another ledger on the same store, not started; of adapters without a shared store the only one. */
  create(): Ledger | Promise<Ledger>;
  /** Length of the window of calls and tokens that the ledgers were made with, milliseconds: short, because the suite waits for it. */
  readonly windowMs: number;
  /** Epoch milliseconds by the clock of the store. */
  now(): Promise<number>;
  dispose(): Promise<void>;
}

/** Options of adapters that differ on purpose. */
export interface LedgerContractOptions {
  /** Several ledgers count together. */
  readonly isShared: boolean;
  /** What is spent survives a restart. */
  readonly isKept: boolean;
}

const isRefused = (answer: Answer): answer is Refusal => answer !== undefined && 'limit' in answer;

/** Asks again and again, until it is allowed; resolves with the milliseconds that took. */
async function untilAllowed(ledger: Ledger, request: () => Reservation, limitMs: number): Promise<number> {
  const begun = performance.now();
  await expect
    .poll(async () => await ledger.reserve(request(), { signal }), { interval: 20, timeout: limitMs })
    .toBeUndefined();
  return performance.now() - begun;
}

/** What every ledger does alike; run it on each adapter. */
export function ledgerContract(
  name: string,
  createFixture: () => Promise<LedgerFixture>,
  { isShared, isKept }: LedgerContractOptions,
): void {
  describe(`${name}: ledger`, () => {
    let fixture: LedgerFixture;
    let ledger: Ledger;
    beforeAll(async () => {
      fixture = await createFixture();
      ledger = await fixture.create();
      await ledger.start();
      await ledger.start();
    });
    afterAll(async () => {
      await ledger.stop();
      await ledger.stop();
      await fixture.dispose();
    });

    const reserve = (request: Reservation): Promise<Answer> => ledger.reserve(request, { signal });
    const budgetOf = async (one: LedgerSubject) => {
      const [use] = await ledger.use([one]);
      return use?.budgets[0] ?? { spentUsd: Number.NaN, reservedUsd: Number.NaN };
    };
    /** Settled and released calls are counted soon, not at once. */
    const untilUse = (one: LedgerSubject, expected: object) =>
      expect
        .poll(async () => (await ledger.use([one]))[0], { interval: 20, timeout: 3000 })
        .toMatchObject(expected);

    it('allows what has no limits', async () => {
      expect(await reserve(reservation([subject({})], { usd: null }))).toBeUndefined();
      expect(await reserve(reservation([], { usd: 10 }))).toBeUndefined();
    });

    it('refuses calls beyond the limit of a minute, and says which limit and when to come again', async () => {
      const one = subject({ rpm: 3 });
      for (let calls = 0; calls < 3; calls += 1) expect(await reserve(reservation([one]))).toBeUndefined();
      const refusal = await reserve(reservation([one]));
      expect(refusal).toMatchObject({ key: one.key, limit: 'rpm', allowed: 3, used: 3 });
      const { retryAfterMs } = refusal as Refusal;
      expect(retryAfterMs).toBeGreaterThan(0);
      expect(retryAfterMs).toBeLessThanOrEqual((fixture.windowMs * 61) / 60);
    });

    it('counts calls within any span of the window, wherever it begins', async () => {
      const one = subject({ rpm: 2 });
      const allowed: { before: number; after: number }[] = [];
      const endAt = performance.now() + fixture.windowMs * 3;
      while (performance.now() < endAt) {
        const before = performance.now();
        const answer = await reserve(reservation([one]));
        if (answer === undefined) allowed.push({ before, after: performance.now() });
        await new Promise((resolve) => {
          setTimeout(resolve, 10);
        });
      }
      expect(allowed.length).toBeGreaterThanOrEqual(4);
      for (let index = 2; index < allowed.length; index += 1) {
        // The one two before had left the window when this one came.
        const span = (allowed[index]?.after ?? 0) - (allowed[index - 2]?.before ?? 0);
        expect(span).toBeGreaterThanOrEqual(fixture.windowMs);
      }
    });

    it('counts tokens as reserved, then as used', async () => {
      const one = subject({ tpm: 100 });
      const first = reservation([one], { tokens: 80 });
      expect(await reserve(first)).toBeUndefined();
      expect(await reserve(reservation([one], { tokens: 30 }))).toMatchObject({
        limit: 'tpm',
        allowed: 100,
        used: 80,
      });
      ledger.settle(first.id, { tokens: 10, usd: 0 });
      await untilUse(one, { tokens: 10, parallel: 0 });
      const second = reservation([one], { tokens: 30 });
      expect(await reserve(second)).toBeUndefined();
      ledger.settle(second.id, { tokens: 95, usd: 0 });
      await untilUse(one, { tokens: 105 });
      expect(await reserve(reservation([one], { tokens: 1 }))).toMatchObject({ limit: 'tpm', used: 105 });
    });

    it('says that nobody knows when, where a call is larger than its limit', async () => {
      expect(await reserve(reservation([subject({ tpm: 10 })], { tokens: 11 }))).toMatchObject({
        limit: 'tpm',
        retryAfterMs: null,
      });
      expect(
        await reserve(reservation([subject({ budgets: [{ usd: 1, period: 'month' }] })], { usd: 1.01 })),
      ).toMatchObject({ limit: 'budget', retryAfterMs: null });
    });

    it('limits calls at the same time', async () => {
      const one = subject({ parallel: 2 });
      const [first, second] = [reservation([one]), reservation([one])];
      expect([await reserve(first), await reserve(second)]).toEqual([undefined, undefined]);
      expect(await reserve(reservation([one]))).toMatchObject({ limit: 'parallel', allowed: 2, used: 2 });
      ledger.settle(first.id, { tokens: 1, usd: 0 });
      await untilAllowed(ledger, () => reservation([one]), 3000);
      ledger.release(second.id);
      await untilAllowed(ledger, () => reservation([one]), 3000);
    });

    it('never promises more than a budget: 200 at once for a cent each against a dollar', async () => {
      const one = subject({ budgets: [{ usd: 1, period: 'total' }] });
      const answers = await Promise.all(
        Array.from({ length: 200 }, () => reserve(reservation([one], { usd: 0.01 }))),
      );
      expect(answers.filter((answer) => answer === undefined)).toHaveLength(100);
      expect(await budgetOf(one)).toMatchObject({ spentUsd: 0, reservedUsd: 1 });
      expect(answers.find(isRefused)).toMatchObject({ key: one.key, limit: 'budget', allowed: 1, used: 1 });
    });

    it('counts what was spent as it is, also beyond what was reserved', async () => {
      const one = subject({ budgets: [{ usd: 1, period: 'total' }] });
      const first = reservation([one], { usd: 0.5 });
      await reserve(first);
      ledger.settle(first.id, { tokens: 1, usd: 1.5 });
      await untilUse(one, { budgets: [{ spentUsd: 1.5, reservedUsd: 0 }] });
      expect(await reserve(reservation([one], { usd: 0.000_001 }))).toMatchObject({
        limit: 'budget',
        used: 1.5,
        spent: 1.5,
        retryAfterMs: null,
        resetsAtMs: null,
      });
    });

    it('gives money and tokens of a released call back, and counts the call', async () => {
      const one = subject({ rpm: 10, tpm: 100, budgets: [{ usd: 1, period: 'month' }] });
      const first = reservation([one], { usd: 1, tokens: 100 });
      expect(await reserve(first)).toBeUndefined();
      ledger.release(first.id);
      await untilUse(one, {
        requests: 1,
        tokens: 0,
        parallel: 0,
        budgets: [{ spentUsd: 0, reservedUsd: 0 }],
      });
    });

    it('settles once, however often it is told', async () => {
      const one = subject({ budgets: [{ usd: 10, period: 'total' }] });
      const first = reservation([one], { usd: 1, tokens: 5 });
      await reserve(first);
      for (let times = 0; times < 3; times += 1) ledger.settle(first.id, { tokens: 5, usd: 1 });
      ledger.release(first.id);
      await untilUse(one, { budgets: [{ spentUsd: 1, reservedUsd: 0 }] });
      ledger.settle(first.id, { tokens: 5, usd: 1 });
      ledger.settle('never-reserved', { tokens: 5, usd: 1 });
      const marker = reservation([one], { usd: 1 });
      await reserve(marker);
      ledger.settle(marker.id, { tokens: 0, usd: 0.25 });
      await untilUse(one, { parallel: 0, budgets: [{ spentUsd: 1.25, reservedUsd: 0 }] });
    });

    it('reserves once, however often it is asked with the same id', async () => {
      const one = subject({ parallel: 5, budgets: [{ usd: 1, period: 'total' }] });
      const first = reservation([one], { usd: 0.6 });
      expect(await reserve(first)).toBeUndefined();
      expect(await reserve(first)).toBeUndefined();
      expect((await ledger.use([one]))[0]).toMatchObject({ parallel: 1, budgets: [{ reservedUsd: 0.6 }] });
    });

    it('reserves with all subjects or with none', async () => {
      const roomy = subject({ rpm: 10, budgets: [{ usd: 10, period: 'total' }] });
      const full = subject({ budgets: [{ usd: 0.1, period: 'total' }] });
      expect(await reserve(reservation([roomy, full], { usd: 0.2, tokens: 7 }))).toMatchObject({
        key: full.key,
      });
      expect((await ledger.use([roomy]))[0]).toMatchObject({
        requests: 0,
        tokens: 0,
        parallel: 0,
        budgets: [{ reservedUsd: 0 }],
      });
    });

    it('keeps several budgets of a subject, each in its own period', async () => {
      const one = subject({
        budgets: [
          { usd: 1, period: 86_400_000 },
          { usd: 1.5, period: 'month' },
          { usd: 100, period: 'total' },
        ],
      });
      const first = reservation([one], { usd: 0.9 });
      await reserve(first);
      ledger.settle(first.id, { tokens: 0, usd: 0.9 });
      await untilUse(one, { budgets: [{ spentUsd: 0.9 }, { spentUsd: 0.9 }, { spentUsd: 0.9 }] });
      const refusal = await reserve(reservation([one], { usd: 0.2 }));
      expect(refusal).toMatchObject({ limit: 'budget', allowed: 1 });
      const now = await fixture.now();
      const midnight = (Math.floor(now / 86_400_000) + 1) * 86_400_000;
      expect((refusal as Refusal).resetsAtMs).toBe(midnight);
      expect(Math.abs(((refusal as Refusal).retryAfterMs ?? 0) - (midnight - now))).toBeLessThan(2000);
    });

    it('begins weeks on Monday and months on their first day, in UTC', async () => {
      const one = subject({
        budgets: [
          { usd: 1, period: 7 * 86_400_000 },
          { usd: 1, period: 'month' },
        ],
      });
      await reserve(reservation([one], { usd: 1 }));
      const [week, month] = (await ledger.use([one]))[0]?.budgets ?? [];
      const monday = new Date(week?.resetsAtMs ?? 0);
      expect([monday.getUTCDay(), monday.getTime() % 86_400_000]).toEqual([1, 0]);
      const first = new Date(month?.resetsAtMs ?? 0);
      expect([first.getUTCDate(), first.getTime() % 86_400_000]).toEqual([1, 0]);
      expect([week?.reservedUsd, month?.reservedUsd]).toEqual([1, 1]);
    });

    it('begins a period anew, without what was spent or reserved in the one before', async () => {
      const period = 700;
      const one = subject({ budgets: [{ usd: 1, period }] });
      const first = reservation([one], { usd: 0.5 });
      await untilAllowed(ledger, () => first, 1000);
      const left = reservation([one], { usd: 0.5 });
      await reserve(left);
      await untilAllowed(ledger, () => reservation([one], { usd: 1 }), 4 * period);
      // Belongs to the period in which it was reserved, which is over.
      ledger.settle(first.id, { tokens: 0, usd: 0.5 });
      ledger.settle(left.id, { tokens: 0, usd: 0.5 });
      await untilUse(one, { parallel: 1 });
      const { spentUsd } = await budgetOf(one);
      expect(spentUsd).toBe(0);
    });

    it('gives reservations of the dead back when they expire, and counts what is settled late', async () => {
      const one = subject({ parallel: 1, tpm: 100, budgets: [{ usd: 1, period: 'total' }] });
      const first = reservation([one], { usd: 1, tokens: 100, expiresAtMs: Date.now() + 300 });
      expect(await reserve(first)).toBeUndefined();
      expect(await reserve(reservation([one]))).toMatchObject({ limit: 'parallel' });
      const second = reservation([one], { usd: 0.2, tokens: 10 });
      await untilAllowed(ledger, () => second, 3000);
      ledger.settle(first.id, { tokens: 4, usd: 0.4 });
      await untilUse(one, { tokens: 14, parallel: 1, budgets: [{ spentUsd: 0.4, reservedUsd: 0.2 }] });
      ledger.settle(second.id, { tokens: 10, usd: 0.2 });
      await untilUse(one, { parallel: 0, budgets: [{ spentUsd: 0.6, reservedUsd: 0 }] });
    });

    it('refuses an unknown price where there is a budget, unless its limits allow that', async () => {
      const strict = subject({ budgets: [{ usd: 1, period: 'total' }] });
      expect(await reserve(reservation([strict], { usd: null }))).toMatchObject({
        key: strict.key,
        limit: 'budget',
        unpriced: true,
        retryAfterMs: null,
      });
      const lenient = subject({ budgets: [{ usd: 1, period: 'total' }], unpriced: 'allow' });
      const first = reservation([lenient], { usd: null });
      expect(await reserve(first)).toBeUndefined();
      // The provider itself may say what it cost.
      ledger.settle(first.id, { tokens: 1, usd: 0.3 });
      await untilUse(lenient, { budgets: [{ spentUsd: 0.3 }] });
    });

    it('reserves all that is left where that still does', async () => {
      const one = subject({ budgets: [{ usd: 1, period: 'total' }] });
      expect(await reserve(reservation([one], { usd: 0.4, leastUsd: 0.1 }))).toBeUndefined();
      expect(await budgetOf(one)).toMatchObject({ reservedUsd: 0.4 });
      expect(await reserve(reservation([one], { usd: 0.4, leastUsd: 0.1 }))).toBeUndefined();
      expect(await budgetOf(one)).toMatchObject({ reservedUsd: 0.8 });
      expect(await reserve(reservation([one], { usd: 0.41, leastUsd: 0.05 }))).toEqual({ grantedUsd: 0.2 });
      expect(await budgetOf(one)).toMatchObject({ reservedUsd: 1 });
      expect(await reserve(reservation([one], { usd: 0.1, leastUsd: 0.05 }))).toMatchObject({
        limit: 'budget',
      });
    });

    it('sets a subject back to 0 when asked to', async () => {
      const one = subject({ budgets: [{ usd: 1, period: 'total' }] });
      const first = reservation([one], { usd: 1 });
      await reserve(first);
      ledger.settle(first.id, { tokens: 0, usd: 1 });
      await untilUse(one, { budgets: [{ spentUsd: 1 }] });
      await ledger.reset(one.key);
      await ledger.reset('nobody');
      expect(await reserve(reservation([one], { usd: 1 }))).toBeUndefined();
    });

    it('counts nothing for a caller who has gone before', async () => {
      const one = subject({ parallel: 1 });
      await expect(
        ledger.reserve(reservation([one]), { signal: AbortSignal.abort(new Error('gone')) }),
      ).rejects.toThrow('gone');
      const controller = new AbortController();
      const asked = ledger.reserve(reservation([one]), { signal: controller.signal }).catch(() => {});
      controller.abort(new Error('gone too'));
      await asked;
      // A ledger that answers at once has answered before.
      if (isShared) await untilAllowed(ledger, () => reservation([one]), 3000);
    });

    it('answers not_ready before it starts and after it stops', async () => {
      const other = await fixture.create();
      const request = reservation([subject({ rpm: 1 })]);
      await expect(other.reserve(request, { signal })).rejects.toMatchObject({ code: 'not_ready' });
      await other.start();
      await other.stop();
      await expect(other.reserve(request, { signal })).rejects.toMatchObject({ code: 'not_ready' });
    });

    it.skipIf(!isKept)('remembers what was spent and called after a restart', async () => {
      const one = subject({ rpm: 5, budgets: [{ usd: 1, period: 'month' }] });
      const before = await fixture.create();
      await before.start();
      const first = reservation([one], { usd: 0.5, tokens: 3 });
      await before.reserve(first, { signal });
      before.settle(first.id, { tokens: 3, usd: 0.75 });
      await before.stop();
      const after = await fixture.create();
      await after.start();
      const [use] = await after.use([one]);
      expect(use).toMatchObject({ parallel: 0, budgets: [{ spentUsd: 0.75, reservedUsd: 0 }] });
      expect(await after.reserve(reservation([one], { usd: 0.3 }), { signal })).toMatchObject({
        limit: 'budget',
      });
      await after.stop();
    });

    it.skipIf(!isShared)('counts together with other ledgers on the same store', async () => {
      const others = await Promise.all([fixture.create(), fixture.create()]);
      await Promise.all(others.map((other) => other.start()));
      const one = subject({ budgets: [{ usd: 1, period: 'month' }] });
      const two = subject({ budgets: [{ usd: 100, period: 'month' }], rpm: 10_000 });
      const all = [ledger, ...others];
      const answers = await Promise.all(
        Array.from({ length: 300 }, (_, index) =>
          // Named in different orders: locks must be taken in one.
          (all[index % 3] ?? ledger).reserve(
            reservation(index % 2 === 0 ? [one, two] : [two, one], { usd: 0.01 }),
            { signal },
          ),
        ),
      );
      expect(answers.filter((answer) => answer === undefined)).toHaveLength(100);
      await Promise.all(others.map((other) => other.stop()));
    });

    ledgerProperties(() => ledger);
  });
}
