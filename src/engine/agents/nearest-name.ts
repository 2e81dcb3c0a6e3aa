function distance(one: string, two: string): number {
  let row = Array.from({ length: two.length + 1 }, (_, index) => index);
  for (const [i, letter] of one.split('').entries()) {
    const next = [i + 1];
    for (const [j, other] of two.split('').entries()) {
      next.push(
        Math.min((row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1, (row[j] ?? 0) + (letter === other ? 0 : 1)),
      );
    }
    row = next;
  }
  return row[two.length] ?? 0;
}

/** ` — did you mean "…"?` for the candidate nearest to a mistyped name, or nothing. */
export function didYouMean(name: string, candidates: readonly string[]): string {
  const short = name.slice(0, 64).toLowerCase();
  const ranked = candidates.map((candidate) => ({
    candidate,
    far: distance(short, candidate.slice(0, 64).toLowerCase()),
  }));
  const nearest = ranked.toSorted((one, two) => one.far - two.far)[0];
  return nearest !== undefined && nearest.far <= Math.max(2, short.length / 3)
    ? ` — did you mean "${nearest.candidate}"?`
    : '';
}
