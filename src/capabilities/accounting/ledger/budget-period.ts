import type { Budget } from '../caller.ts';

const weekMs = 7 * 86_400_000;
// 5 January 1970, the first Monday.
const firstMondayMs = 4 * 86_400_000;

/** Beginning of the period in which `atMs` lies, epoch milliseconds; 0 for `total`. */
export function periodStart(period: Budget['period'], atMs: number): number {
  if (period === 'total') return 0;
  if (period === 'month') {
    const date = new Date(atMs);
    return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
  }
  const origin = period % weekMs === 0 ? firstMondayMs : 0;
  return Math.floor((atMs - origin) / period) * period + origin;
}

/** When the period in which `atMs` lies ends, epoch milliseconds; `null` for `total`. */
export function periodEnd(period: Budget['period'], atMs: number): number | null {
  if (period === 'total') return null;
  if (period === 'month') {
    const date = new Date(atMs);
    return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
  }
  return periodStart(period, atMs) + period;
}

/** The period as the stores name it. */
export function periodName(period: Budget['period']): string {
  return typeof period === 'number' ? `${period}` : period;
}

/** The period that a store's name stands for. */
export function periodOf(name: string): Budget['period'] {
  return name === 'month' || name === 'total' ? name : Number(name);
}
