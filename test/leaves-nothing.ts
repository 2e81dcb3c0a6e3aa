import { afterAll } from 'vitest';
import { systemClock } from '../src/base/index.ts';

// Test files of one worker share its process, one after the other: what a file leaves behind would reach the next.

/** What outlives a test file unless the file takes it down. */
function survey(): Readonly<Record<string, unknown>> {
  const resources = process.getActiveResourcesInfo();
  const count = (kind: string): number => resources.filter((one) => one === kind).length;
  return {
    servers: count('TCPServerWrap'),
    'child processes': count('ProcessWrap'),
    environment: { ...process.env },
    folder: process.cwd(),
  };
}

const before = survey();

afterAll(async () => {
  const giveUpAt = systemClock.now() + 10_000;
  for (;;) {
    const after = survey();
    const left = Object.keys(before).filter(
      (name) => JSON.stringify(after[name]) !== JSON.stringify(before[name]),
    );
    if (left.length === 0) return;
    if (systemClock.now() > giveUpAt)
      throw new Error(
        `the file changes for those after it: ${left.map((name) => `${name} ${JSON.stringify(after[name])}`).join(', ')}`,
      );
    // What was told to close is closing.
    await systemClock.sleep(50);
  }
});
