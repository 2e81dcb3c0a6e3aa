/** A pattern as a topic exchange knows it: its `#` may stand for nothing, ours stands for one token at least. */
export function bindingOf(pattern: string): string {
  return pattern.replace(/(^|\.)>$/, '$1*.#');
}
