import type { Chunk } from '../channel-adapter.ts';
import type { Outgoing } from '../delivery-store.ts';
import { toResponseEvent } from '../response-event.ts';
import { toApprovalEvent } from './approval-event.ts';

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Most characters of one posted text. */
export const longestPost = 16_000;

/** A response, or what is asked while its run waits, as one event, whole. */
export function renderAnswer(
  outgoing: Outgoing,
  at: string,
  wants: { readonly approvals: boolean },
): readonly Chunk[] {
  if (outgoing.kind === 'notice') {
    if (!wants.approvals) return [];
    return [{ body: JSON.stringify(toApprovalEvent(outgoing, at)), plain: outgoing.notice.title }];
  }
  const { event } = toResponseEvent(outgoing.response, at);
  return [{ body: JSON.stringify({ type: 'response', ...event }), plain: event.content }];
}

/** A text as bodies `{"content": …}`, none of them longer than `longestPost`. */
export function renderText(text: string): readonly Chunk[] {
  const chunks: Chunk[] = [];
  const chunkOf = (content: string): Chunk => ({ body: JSON.stringify({ content }), plain: content });
  let piece = '';
  let length = 0;
  const flush = (): void => {
    if (piece.trim() !== '') chunks.push(chunkOf(piece));
    piece = '';
    length = 0;
  };
  for (const { segment } of graphemes.segment(text)) {
    const grown = JSON.stringify(segment).length - 2;
    if (length + grown > longestPost - '{"content":""}'.length) flush();
    piece += segment;
    length += grown;
  }
  flush();
  return chunks;
}
