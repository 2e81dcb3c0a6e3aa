import { describe, expect, it } from 'vitest';
import { slotTimesOf } from './slot-times.ts';

const at = (text: string): number => Date.parse(text);

function nextOf(cron: string, timezone: string, from: string, count: number): string[] {
  const times = slotTimesOf({ cron, timezone, every: undefined, at: undefined });
  const found: string[] = [];
  let slot = times.after(at(from));
  for (; slot !== undefined && found.length < count; slot = times.after(slot))
    found.push(new Date(slot).toISOString().slice(0, 16));
  return found;
}

describe('cron over changes of daylight saving', () => {
  it.each([
    [
      'Berlin, spring: a time that does not exist is at the end of the gap, once',
      '30 2 * * *',
      'Europe/Berlin',
      '2026-03-28T00:00Z',
      ['2026-03-28T01:30', '2026-03-29T01:00', '2026-03-30T00:30'],
    ],
    [
      'Berlin, autumn: a fixed time that comes twice is at its first coming only',
      '30 2 * * *',
      'Europe/Berlin',
      '2026-10-24T12:00Z',
      ['2026-10-25T00:30', '2026-10-26T01:30'],
    ],
    [
      'Berlin, autumn: every half hour goes on through the doubled hour',
      '*/30 * * * *',
      'Europe/Berlin',
      '2026-10-24T23:45Z',
      ['2026-10-25T00:00', '2026-10-25T00:30', '2026-10-25T01:00', '2026-10-25T01:30', '2026-10-25T02:00'],
    ],
    [
      'Berlin, spring: every half hour skips the hour that is not there',
      '*/30 * * * *',
      'Europe/Berlin',
      '2026-03-29T00:15Z',
      ['2026-03-29T00:30', '2026-03-29T01:00', '2026-03-29T01:30'],
    ],
    [
      'New York, spring',
      '30 2 * * *',
      'America/New_York',
      '2026-03-07T12:00Z',
      ['2026-03-08T07:00', '2026-03-09T06:30'],
    ],
    [
      'New York, autumn',
      '30 1 * * *',
      'America/New_York',
      '2026-10-31T12:00Z',
      ['2026-11-01T05:30', '2026-11-02T06:30'],
    ],
    [
      'no daylight saving in UTC',
      '30 2 * * *',
      'UTC',
      '2026-03-28T12:00Z',
      ['2026-03-29T02:30', '2026-03-30T02:30'],
    ],
  ])('%s', (_title, cron, timezone, from, expected) => {
    expect(nextOf(cron, timezone, from, expected.length)).toEqual(expected);
  });
});

describe('other times', () => {
  const base = { cron: undefined, every: undefined, at: undefined, timezone: 'Europe/Berlin' };

  it('anchors an interval at the beginning of 1970', () => {
    const times = slotTimesOf({ ...base, every: 900_000 });
    expect(times.after(at('2026-01-01T10:07:00Z'))).toBe(at('2026-01-01T10:15:00Z'));
    expect(times.after(at('2026-01-01T10:15:00Z'))).toBe(at('2026-01-01T10:30:00Z'));
    expect(times.lastBefore(at('2026-01-01T10:15:00Z'), 2)).toEqual([
      at('2026-01-01T09:45:00Z'),
      at('2026-01-01T10:00:00Z'),
    ]);
  });

  it('reads one moment in the time zone, or with its own offset', () => {
    expect(slotTimesOf({ ...base, at: '2026-07-01T12:00:00' }).after(0)).toBe(at('2026-07-01T10:00:00Z'));
    expect(slotTimesOf({ ...base, at: '2026-07-01T12:00:00Z' }).after(0)).toBe(at('2026-07-01T12:00:00Z'));
    expect(slotTimesOf({ ...base, at: '2026-03-29T02:30:00' }).after(0)).toBe(at('2026-03-29T01:30:00Z'));
    const past = slotTimesOf({ ...base, at: '2026-07-01T12:00:00Z' });
    expect(past.after(at('2026-07-01T12:00:00Z'))).toBeUndefined();
    expect(past.lastBefore(at('2027-01-01T00:00:00Z'), 3)).toEqual([at('2026-07-01T12:00:00Z')]);
  });

  it.each([
    [{ cron: '61 * * * *' }, /cron: Invalid value for minute/],
    [{ cron: 'soon' }, /cron: /],
    [{ cron: '* * * * *', timezone: 'Mars/Olympus' }, /timezone: "Mars\/Olympus" is no time zone/],
    [{ every: 10 }, /every: expected at least 1s/],
  ])('refuses %o', (given, message) => {
    expect(() => slotTimesOf({ ...base, ...given })).toThrow(message);
  });
});
