const firstPauseMs = 100;
const longestPauseMs = 5000;

/** Wait after so many failures in a row: doubling from 0.1 s to 5 s, the upper half of it random. */
export function pauseMs(failures: number): number {
  const full = Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(failures - 1, 10));
  return full / 2 + Math.random() * (full / 2);
}
