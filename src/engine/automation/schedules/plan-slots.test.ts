import { describe, expect, it } from 'vitest';
import { jitterOf } from './jitter.ts';
import { planSlots, type PlanInput, type SlotDecision } from './plan-slots.ts';
import { slotTimesOf } from './slot-times.ts';

const minute = 60_000;
const start = Date.UTC(2026, 0, 1, 12);

function plan(more: { spec?: Partial<PlanInput['spec']> } & Partial<Omit<PlanInput, 'spec'>>) {
  const spec = {
    missed: undefined,
    grace: minute,
    maxCatchUp: 100,
    jitter: 0,
    every: minute,
    at: undefined,
    enabled: true,
    ...more.spec,
  };
  const times = slotTimesOf({ every: spec.every, at: spec.at, cron: undefined, timezone: 'UTC' });
  return planSlots({ name: 'tick', decidedUntil: start, now: start, paused: false, times, ...more, spec });
}

/** Short form: minute of the slot with what is done. */
const short = (decisions: readonly SlotDecision[]): string[] =>
  decisions.map((one) => {
    const minutes = (one.slot - start) / minute;
    if (one.kind === 'fire') return `${minutes} ${one.catchUp ? 'catch up' : 'fire'}`;
    return one.slots === 1
      ? `${minutes} ${one.reason}`
      : `${(one.first - start) / minute}…${minutes} (${one.slots}) ${one.reason}`;
  });

describe('slots that are due', () => {
  it.each([
    ['nothing yet', {}, 0.5, []],
    ['one in time', {}, 1, ['1 fire']],
    ['late within the grace', {}, 1.9, ['1 fire']],
    ['all in time after a short stop', { grace: 5 * minute }, 3, ['1 fire', '2 fire', '3 fire']],
    ['skip', { missed: 'skip' as const, grace: 0 }, 3.5, ['1 missed', '2 missed', '3 missed']],
    ['skip, the newest in time', { missed: 'skip' as const }, 3.5, ['1 missed', '2 missed', '3 fire']],
    ['once', { missed: 'once' as const, grace: 0 }, 3.5, ['1 missed', '2 missed', '3 catch up']],
    [
      'once, with one in time: that is the one',
      { missed: 'once' as const },
      3.5,
      ['1 missed', '2 missed', '3 fire'],
    ],
    ['all', { missed: 'all' as const, grace: 0 }, 3.5, ['1 catch up', '2 catch up', '3 catch up']],
    [
      'all, bounded',
      { missed: 'all' as const, grace: 0, maxCatchUp: 2 },
      4.5,
      ['1 catch_up_limit', '2 catch_up_limit', '3 catch up', '4 catch up'],
    ],
    ['disabled', { enabled: false }, 2, ['1 disabled', '2 disabled']],
  ])('%s', async (_title, spec, minutes, expected) => {
    expect(short(await plan({ spec, now: start + minutes * minute }))).toEqual(expected);
  });

  it('leaves those of a pause out', async () => {
    expect(short(await plan({ paused: true, now: start + 2 * minute }))).toEqual(['1 paused', '2 paused']);
  });

  it('does nothing while the clock stands before what is decided', async () => {
    expect(await plan({ now: start - 60 * minute })).toEqual([]);
  });

  it('one moment that passed while nothing ran comes late rather than never', async () => {
    const at = new Date(start + minute).toISOString();
    const spec = { every: undefined, at, grace: 0 };
    expect(short(await plan({ spec, now: start + 90 * minute }))).toEqual(['1 catch up']);
    expect(await plan({ spec, decidedUntil: start + minute, now: start + 90 * minute })).toEqual([]);
  });

  it('sums up what is too much to list, without looking at each', async () => {
    const now = start + 1_000_000 * minute + 1;
    const decisions = await plan({ spec: { missed: 'once', grace: 0 }, now });
    expect(short(decisions.slice(0, 1))).toEqual(['1…999900 (999900) missed']);
    expect(decisions).toHaveLength(101);
    const total = decisions.reduce((sum, one) => sum + (one.kind === 'skip' ? one.slots : 1), 0);
    expect(total).toBe(1_000_000);
    expect(short(decisions.slice(-1))).toEqual(['1000000 catch up']);
  });

  it('jitter is the same everywhere, below its bound, spread, and keeps the order', async () => {
    const offsets = Array.from({ length: 200 }, (_, index) =>
      jitterOf(minute, 'tick', start + index * minute),
    );
    expect(offsets).toEqual(offsets.map((_, index) => jitterOf(minute, 'tick', start + index * minute)));
    expect(Math.max(...offsets)).toBeLessThan(minute);
    expect(new Set(offsets).size).toBeGreaterThan(190);
    const offset = jitterOf(minute, 'tick', start + minute);
    const spec = { jitter: minute };
    expect(await plan({ spec, now: start + minute + offset - 1 })).toEqual([]);
    expect(short(await plan({ spec, now: start + minute + offset }))).toEqual(['1 fire']);
  });
});
