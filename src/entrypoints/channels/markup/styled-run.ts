/** How a stretch of text looks. Absent means no. */
export interface TextStyle {
  readonly quote?: true;
  readonly bold?: true;
  readonly italic?: true;
  readonly strike?: true;
  readonly code?: true;
  readonly link?: string;
  /** A code block, with its language where one was named. */
  readonly block?: { readonly language: string };
}

/** A stretch of text in one style. A message is a list of them; no platform's markup is in it. */
export interface StyledRun {
  readonly text: string;
  readonly style: TextStyle;
}

/** The text of runs without any style. */
export function plainText(runs: readonly StyledRun[]): string {
  return runs.map((run) => run.text).join('');
}
