/** Number of single-character edits between two texts. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** Longer names are compared by their beginning, so that nobody's long name costs much. */
const longestName = 64;

/** The known name that a mistyped one most likely means; `undefined` when none is near. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const allowed = Math.max(2, Math.floor(name.length / 3));
  return known
    .map((candidate) => ({
      candidate,
      edits: distance(
        name.slice(0, longestName).toLowerCase(),
        candidate.slice(0, longestName).toLowerCase(),
      ),
    }))
    .filter(({ edits }) => edits <= allowed)
    .toSorted((a, b) => a.edits - b.edits)[0]?.candidate;
}

/** ` — did you mean "…"?` for the known name nearest to a mistyped one, or nothing. */
export function didYouMean(name: string, known: readonly string[]): string {
  const nearest = nearestName(name.slice(0, longestName), known);
  return nearest === undefined ? '' : ` — did you mean "${nearest}"?`;
}
