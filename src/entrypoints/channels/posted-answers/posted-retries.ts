import type { RetrySchedule } from '../channel-adapter.ts';

const secondMs = 1000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;

/** When a program gets what it did not take again, as Standard Webhooks advise: over about 28 hours. */
export const postedRetries: RetrySchedule = {
  waitsMs: [5 * secondMs, 5 * minuteMs, 30 * minuteMs, 2 * hourMs, 5 * hourMs, 10 * hourMs, 10 * hourMs],
  // Behind others of its conversation an answer waits for their tries too.
  maxAgeMs: 72 * hourMs,
};
