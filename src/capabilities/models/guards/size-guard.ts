import { estimateTokens } from '../../accounting/index.ts';
import type { Guard } from './guard.ts';
import { textsOf } from './request-texts.ts';

/** About how many characters of an answer a token has. */
const charactersPerToken = 4;

/** Stops requests and answers whose text is longer than so many bytes, or about so many tokens. */
export function createSizeGuard(limit: { readonly bytes: number } | { readonly tokens: number }): Guard {
  const inBytes = 'bytes' in limit;
  const most = inBytes ? limit.bytes : limit.tokens;
  const reason = `there is more than ${most} ${inBytes ? 'bytes of text' : 'tokens'}`;
  const bytesOf = (texts: readonly string[]): number =>
    texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  return {
    name: inBytes ? 'maxBytes' : 'maxTokens',
    input: (request) => {
      const texts = textsOf(request);
      return (inBytes ? bytesOf(texts) : estimateTokens(texts)) <= most
        ? { action: 'allow' }
        : { action: 'block', reason };
    },
    watch: () => {
      let size = 0;
      return (piece) => {
        size += inBytes ? Buffer.byteLength(piece) : piece.length / charactersPerToken;
        return size <= most ? undefined : reason;
      };
    },
  };
}
