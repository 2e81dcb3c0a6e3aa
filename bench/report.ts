/** One line of the table. */
export interface Figure {
  readonly name: string;
  readonly value: string;
  readonly goal: string;
  /** `undefined` where a baseline is missing. */
  readonly met: boolean | undefined;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

export function table(figures: readonly Figure[]): string {
  const rows = figures.map(({ name, value, goal, met }) => {
    const verdict = met === undefined ? 'not measured' : met ? 'met' : 'missed';
    return `| ${name} | ${value} | ${goal} | ${verdict} |`;
  });
  return ['| figure | measured | goal | |', '|---|---|---|---|', ...rows].join('\n');
}
