/** A glob of Redis that covers at least what the pattern does: its `*` does not end at a dot. */
export function globOf(pattern: string): string {
  return pattern.replace('>', '*');
}
