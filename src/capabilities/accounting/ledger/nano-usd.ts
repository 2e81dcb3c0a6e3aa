// Largest sum that all stores count exactly: about nine million dollars.
const most = Number.MAX_SAFE_INTEGER;
// What multiplying by 1e9 may add by rounding.
const tolerance = 1e-3;

/** Dollars as whole billionths, rounded up: what may be spent is never thought smaller than it is. */
export function toNanoUsd(usd: number): number {
  if (!(usd > 0)) return 0;
  return Math.min(most, Math.ceil(usd * 1e9 - tolerance));
}

/** A limit in whole billionths of a dollar, rounded down. */
export function toNanoLimit(usd: number): number {
  if (!(usd > 0)) return 0;
  return Math.min(most, Math.floor(usd * 1e9 + tolerance));
}

/** Billionths as dollars. */
export function fromNanoUsd(nano: number): number {
  return nano / 1e9;
}
