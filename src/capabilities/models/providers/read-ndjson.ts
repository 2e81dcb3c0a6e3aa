import { tryParseJson, type Json } from '../../../base/index.ts';
import type { CallLimits } from './call-limits.ts';

/** Longer lines are no answer of a model; without a bound a broken server could fill the memory. */
const longestLine = 8 * 1024 * 1024;

/** The JSON values of a newline-delimited body, as they come. Throws `SyntaxError` at the first line that is none. */
export async function* readNdjson(
  body: ReadableStream<Uint8Array>,
  limits: Pick<CallLimits, 'race' | 'touch'>,
): AsyncGenerator<Json, void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  const parse = (line: string): Json => {
    const value = tryParseJson(line);
    if (value === undefined) throw new SyntaxError('a line of the answer is no JSON');
    return value;
  };
  try {
    for (;;) {
      const { done, value } = await limits.race(reader.read());
      if (done) break;
      limits.touch();
      rest += decoder.decode(value, { stream: true });
      let start = 0;
      for (let end = rest.indexOf('\n'); end !== -1; end = rest.indexOf('\n', start)) {
        const line = rest.slice(start, end).trim();
        start = end + 1;
        if (line !== '') yield parse(line);
      }
      rest = rest.slice(start);
      if (rest.length > longestLine) throw new SyntaxError('a line of the answer is too long');
    }
    rest += decoder.decode();
    if (rest.trim() !== '') yield parse(rest.trim());
  } finally {
    // The stream may be in error already; then there is nothing left to cancel.
    reader.cancel().catch(() => {});
  }
}
