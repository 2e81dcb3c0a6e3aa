/** Later moments are meant in milliseconds. */
const longestSeconds = 100_000_000_000;

/** Does a time in seconds or milliseconds since 1970 lie near enough to now, before or after? */
export function isNear(
  stamp: string,
  { nowMs, tolerance }: { readonly nowMs: number; readonly tolerance: number },
): boolean {
  if (!/^\d{1,13}$/.test(stamp)) return false;
  const given = Number(stamp);
  return Math.abs(nowMs - (given > longestSeconds ? given : given * 1000)) <= tolerance;
}
