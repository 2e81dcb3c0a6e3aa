import { afterAll } from 'vitest';
import { systemClock } from '../src/base/index.ts';

// Test files of one worker share its process, one after the other: what a file leaves behind would reach the next.

const kinds = { TCPServerWrap: 'open servers', ProcessWrap: 'child processes' } as const;

/** What outlives a test file unless the file takes it down, by name. */
function survey(): ReadonlyMap<string, unknown> {
  const resources = process.getActiveResourcesInfo();
  const counted = Object.entries(kinds).map(
    ([kind, name]) => [name, resources.filter((one) => one === kind).length] as const,
  );
  const variables = Object.entries(process.env).map(([name, value]) => [`variable ${name}`, value] as const);
  return new Map<string, unknown>([...counted, ...variables, ['the current folder', process.cwd()]]);
}

const before = survey();

afterAll(async () => {
  const giveUpAt = systemClock.now() + 10_000;
  for (;;) {
    const after = survey();
    const names = new Set([...before.keys(), ...after.keys()]);
    const changed = [...names].filter((name) => after.get(name) !== before.get(name));
    if (changed.length === 0) return;
    // Names only: variables hold secrets.
    if (systemClock.now() > giveUpAt)
      throw new Error(`this file leaves behind for the next one: ${changed.join(', ')}`);
    // What was told to close is closing.
    await systemClock.sleep(50);
  }
});
