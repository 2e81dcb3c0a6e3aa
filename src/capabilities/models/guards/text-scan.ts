/** A stretch of text that must not pass as it is. */
export interface Finding {
  readonly start: number;
  readonly end: number;
  /** What it is, in a word or two, for the error's message; never the text itself. */
  readonly kind: string;
  /** What stands in its place; `undefined`: the call is stopped. */
  readonly replacement: string | undefined;
}

/** Looks for things in text, also while the text is still coming. Must take time in proportion to the text. */
export interface TextScan {
  /** Findings from `from` on, in order, without overlap; what stands before `from` is only context. */
  find(text: string, from: number): readonly Finding[];
  /**
   * Where the last stretch begins (not before `from`) that could become a finding, or a longer one, if more text came; the
   * text's length when nothing could. The nearer to the end, the less of a stream is held back.
   */
  openFrom(text: string, from: number): number;
}
