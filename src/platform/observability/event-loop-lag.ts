import { createHistogram, performance, type RecordableHistogram } from 'node:perf_hooks';
import { systemClock } from '../../base/index.ts';

/**
 * Records how late a timer is, in nanoseconds, until `stop`. Node's own monitor records the length of its period with it,
 * and has to wake an idle process a hundred times a second to be precise.
 */
export function recordEventLoopLag(everyMs: number): {
  readonly histogram: RecordableHistogram;
  readonly stop: () => void;
} {
  const histogram = createHistogram();
  let due = performance.now() + everyMs;
  const stop = systemClock.every(everyMs, () => {
    const now = performance.now();
    histogram.record(Math.max(1, Math.round((now - due) * 1e6)));
    due = now + everyMs;
  });
  return { histogram, stop };
}
