/** Wait before attempt `attempt` + 1 (counted from 1): doubling from `baseMs` to `maxMs`, the upper half of it random. */
export function backOffMs(attempt: number, options: { baseMs: number; maxMs: number }): number {
  const full = Math.min(options.maxMs, options.baseMs * 2 ** Math.min(attempt - 1, 30));
  return full / 2 + Math.random() * (full / 2);
}
