import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { systemClock } from '../base/index.ts';
import type { CliContext } from './cli-context.ts';

const lookEveryMs = 2_000;
const idleBelow = 0.05;
const looks = 30;

/**
 * Gives memory back that only the start needed, at the first quiet moment of the first minute: V8 would keep about 100 MB
 * of it for as long as little happens. Takes a tenth of a second or two, in which nothing else is done.
 */
function giveBackStartMemory(): () => void {
  let before = performance.eventLoopUtilization();
  let left = looks;
  const stop = systemClock.every(lookEveryMs, () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    left -= 1;
    if (utilization >= idleBelow && left > 0) return;
    stop();
    // Without an inspector V8 does it later, when it has to.
    if (utilization < idleBelow) collectGarbage().catch(() => {});
  });
  return stop;
}

/** The only way to V8's thorough collection that needs no flag of the process. */
async function collectGarbage(): Promise<void> {
  const { Session } = await import('node:inspector/promises');
  const session = new Session();
  session.connect();
  await session.post('HeapProfiler.collectGarbage');
  session.disconnect();
}

/** Waits until the process is told to stop. */
export async function untilInterrupted({ signal }: CliContext): Promise<void> {
  if (signal.aborted) return;
  const stop = giveBackStartMemory();
  await once(signal, 'abort');
  stop();
}
