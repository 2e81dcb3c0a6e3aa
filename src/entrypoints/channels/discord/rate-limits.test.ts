import { expect, it } from 'vitest';
import { FakeClock } from '../../../testing/fake-clock.ts';
import { RateLimits } from './rate-limits.ts';

const { signal } = new AbortController();
const headers = (bucket: string, remaining: number, resetAfter: number) => ({
  'x-ratelimit-bucket': bucket,
  'x-ratelimit-remaining': String(remaining),
  'x-ratelimit-reset-after': String(resetAfter),
});

it('waits out a bucket that is used up, one channel apart from another', async () => {
  const clock = new FakeClock();
  const limits = new RateLimits(clock);
  limits.learn('sending to channel 1', headers('abc', 0, 2));
  let went = false;
  const waiting = limits.turn('sending to channel 1', { signal, exempt: false }).then(() => {
    went = true;
  });
  await limits.turn('sending to channel 2', { signal, exempt: false });
  expect(went).toBe(false);
  await clock.advance(2000);
  await waiting;
  expect(went).toBe(true);
});

it('fails at once where the wait is long, and says how long', async () => {
  const limits = new RateLimits(new FakeClock());
  limits.learn('sending to channel 1', headers('abc', 0, 60));
  await expect(limits.turn('sending to channel 1', { signal, exempt: false })).rejects.toMatchObject({
    errorStatus: 429,
    retryAfterMs: 60_000,
  });
});

it('makes at most fifty calls a second, interactions aside', async () => {
  const clock = new FakeClock();
  const limits = new RateLimits(clock);
  for (let call = 0; call < 50; call += 1) await limits.turn(`route ${call}`, { signal, exempt: false });
  let went = 0;
  const waiting = limits.turn('one more', { signal, exempt: false }).then(() => (went += 1));
  await limits.turn('an interaction', { signal, exempt: true });
  expect(went).toBe(0);
  await clock.advance(1000);
  await waiting;
  expect(went).toBe(1);
});

it('holds everything back after a limit of the whole account', async () => {
  const clock = new FakeClock();
  const limits = new RateLimits(clock);
  limits.pause(3000);
  const order: string[] = [];
  const waiting = limits.turn('any', { signal, exempt: false }).then(() => order.push('any'));
  await limits.turn('an interaction', { signal, exempt: true }).then(() => order.push('interaction'));
  await clock.advance(3000);
  await waiting;
  expect(order).toEqual(['interaction', 'any']);
});
