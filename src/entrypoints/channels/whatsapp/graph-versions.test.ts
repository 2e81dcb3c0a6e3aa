import { expect, it } from 'vitest';
import { versionWarning } from './graph-versions.ts';

it.each([
  ['v26.0', '2026-11-21', undefined],
  ['v99.0', '2040-01-01', undefined],
  ['v22.0', '2026-11-21', undefined],
  ['v21.0', '2026-10-22', undefined],
  ['v21.0', '2026-10-24', 'ends on 2027-01-21'],
  ['v21.0', '2027-01-21', 'ended on 2027-01-21'],
  ['v20.0', '2026-11-21', 'ended on 2026-09-24'],
  ['v12.0', '2026-11-21', 'has ended'],
])('version %s on %s: %s', (version, day, warning) => {
  const said = versionWarning(version, Date.parse(`${day}T12:00:00Z`));
  if (warning === undefined) expect(said).toBeUndefined();
  else expect(said).toContain(warning);
});
