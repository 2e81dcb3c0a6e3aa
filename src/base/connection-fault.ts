/** Why there is no connection, in a word or two and without addresses: such as `ECONNREFUSED`. */
export function connectionFault(error: unknown): string {
  let inner = error;
  for (;;) {
    const next: unknown =
      inner instanceof AggregateError ? inner.errors[0] : inner instanceof Error ? inner.cause : undefined;
    if (!(next instanceof Error)) break;
    inner = next;
  }
  if (!(inner instanceof Error)) return 'no connection';
  const { code, message } = inner as NodeJS.ErrnoException;
  if (typeof code === 'string') return code;
  // As systems and Redis name what is wrong.
  const word = /\bE[A-Z]{4,}\b|^[A-Z]{4,}\b/.exec(message)?.[0];
  return word ?? (/time/i.test(message) ? 'timeout' : 'no connection');
}
