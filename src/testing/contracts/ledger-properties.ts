import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Ledger } from '../../capabilities/accounting/index.ts';
import { neverAborted, reservation, subject } from './ledger-requests.ts';

/** What holds of a ledger whatever is asked of it; part of `ledgerContract`. */
export function ledgerProperties(ledger: () => Ledger): void {
  it('never holds more than the limit, whatever is asked, settled and released in which order', async () => {
    const step = fc.oneof(
      fc.record({
        do: fc.constant('reserve' as const),
        cents: fc.integer({ min: 0, max: 60 }),
        both: fc.boolean(),
      }),
      fc.record({
        do: fc.constant('settle' as const),
        which: fc.nat(50),
        share: fc.integer({ min: 0, max: 100 }),
      }),
      fc.record({ do: fc.constant('release' as const), which: fc.nat(50) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(step, { maxLength: 6 }), { maxLength: 8 }), async (rounds) => {
        const one = subject({ parallel: 6, budgets: [{ usd: 1, period: 'total' }] });
        const two = subject({ budgets: [{ usd: 1.3, period: 'month' }] });
        const live: { id: string; usd: number; both: boolean }[] = [];
        let spentOne = 0;
        for (const round of rounds) {
          await Promise.all(
            round.map(async (one_) => {
              if (one_.do === 'reserve') {
                const usd = one_.cents / 100;
                const request = reservation(one_.both ? [one, two] : [two], { usd });
                if ((await ledger().reserve(request, { signal: neverAborted })) === undefined)
                  live.push({ id: request.id, usd, both: one_.both });
                return;
              }
              const [taken] = live.splice(one_.which % Math.max(1, live.length), 1);
              if (taken === undefined) return;
              if (one_.do === 'release') {
                ledger().release(taken.id);
                return;
              }
              const usd = (taken.usd * one_.share) / 100;
              if (taken.both) spentOne += usd;
              ledger().settle(taken.id, { tokens: 1, usd });
            }),
          );
          const [first, second] = await ledger().use([one, two]);
          const used = (use: typeof first): number =>
            (use?.budgets[0]?.spentUsd ?? 0) + (use?.budgets[0]?.reservedUsd ?? 0);
          expect(used(first)).toBeLessThanOrEqual(1 + 1e-9);
          expect(used(second)).toBeLessThanOrEqual(1.3 + 1e-9);
          expect(first?.parallel).toBeLessThanOrEqual(6);
        }
        for (const { id } of live) ledger().release(id);
        await expect
          .poll(async () => (await ledger().use([one]))[0], { interval: 20, timeout: 3000 })
          .toMatchObject({ parallel: 0, budgets: [{ reservedUsd: 0 }] });
        expect((await ledger().use([one]))[0]?.budgets[0]?.spentUsd).toBeCloseTo(spentOne, 6);
      }),
      { numRuns: 25 },
    );
  });
}
