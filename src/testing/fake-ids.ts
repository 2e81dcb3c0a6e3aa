import type { IdGenerator } from '../base/index.ts';

/** Ids that count: `run_000001`, `run_000002`, `ses_000001`; each prefix has its own counter, so tests can name them. */
export function createFakeIds(): IdGenerator {
  const counters = new Map<string, number>();
  return (prefix) => {
    const next = (counters.get(prefix) ?? 0) + 1;
    counters.set(prefix, next);
    return `${prefix}_${String(next).padStart(6, '0')}`;
  };
}
