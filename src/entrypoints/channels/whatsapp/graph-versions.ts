const dayMs = 86_400_000;
const noticeMs = 90 * dayMs;

/** Last days of the versions of the Graph API that are known to end, by Meta's list. */
const lastDays: ReadonlyMap<number, string> = new Map([
  [18, '2026-01-26'],
  [19, '2026-05-21'],
  [20, '2026-09-24'],
  [21, '2027-01-21'],
  [22, '2027-05-20'],
  [23, '2027-10-08'],
  [24, '2028-02-18'],
  [25, '2028-07-29'],
]);
const oldestKnown = 18;

/** What has to be said of a version of the Graph API (`v26.0`) at this time; `undefined`: nothing. */
export function versionWarning(version: string, nowMs: number): string | undefined {
  const major = Number(/^v(\d+)/.exec(version)?.[1] ?? Number.NaN);
  if (major < oldestKnown) return `version ${version} of the Graph API has ended: set spec.graphVersion`;
  const lastDay = lastDays.get(major);
  if (lastDay === undefined) return undefined;
  const endMs = Date.parse(`${lastDay}T00:00:00Z`);
  if (nowMs >= endMs) return `version ${version} of the Graph API ended on ${lastDay}: set spec.graphVersion`;
  if (nowMs < endMs - noticeMs) return undefined;
  return `version ${version} of the Graph API ends on ${lastDay}: set spec.graphVersion to a newer one`;
}
