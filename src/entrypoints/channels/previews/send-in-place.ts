import type { Logger } from '../../../base/index.ts';
import type { ReplyAddress } from '../../../protocol/index.ts';
import type { ChannelAdapter, Chunk } from '../channel-adapter.ts';
import type { Delivery } from '../delivery-store.ts';
import { SendError } from '../send-error.ts';
import { previewKey } from './answer-preview.ts';
import type { ReplyPreviews } from './reply-previews.ts';

/** The first chunk of a delivery, and how it is sent where no preview stands. */
export interface FirstChunk {
  readonly adapter: ChannelAdapter;
  readonly delivery: Delivery;
  readonly address: ReplyAddress;
  readonly chunk: Chunk;
  readonly key: string;
}

/**
 * Sends the first chunk of a response: in the place of the message that showed it while it was written, else as a new
 * one. Returns the message's id. Throws `SendError`; doing it again is harmless as far as it is an edit.
 */
export async function sendInPlace(
  deps: { readonly previews: ReplyPreviews; readonly logger: Logger },
  { adapter, delivery, address, chunk, key }: FirstChunk,
  signals: { readonly waiting: AbortSignal; readonly sending: AbortSignal },
): Promise<string> {
  const { outboxId, runId } = delivery;
  const signal = signals.sending;
  const messageId = await messageOf();
  if (messageId !== undefined && adapter.previews !== undefined) {
    try {
      await adapter.previews.replace(address, messageId, chunk, { signal });
      return messageId;
    } catch (error) {
      if (!(error instanceof SendError)) throw error;
      // What may have happened may happen again: it is the same text.
      if (error.verdict === 'ambiguous') throw new SendError('retry', error.message);
      if (error.verdict !== 'permanent') throw error;
      deps.logger.warn(
        { outboxId, reason: error.message },
        'a preview cannot be changed: a new message is sent',
      );
    }
  }
  return adapter.sendChunk(address, chunk, { signal, key });

  async function messageOf(): Promise<string | undefined> {
    if (delivery.outgoing.kind === 'notice') {
      await deps.previews.settle(runId, signals.waiting, { release: true });
      return undefined;
    }
    const response = { runId, outboxId, mayHaveRow: delivery.mayHavePreview };
    const place = await deps.previews.placeFor(response, signals.waiting);
    if (place === undefined || place.messageId !== undefined) return place?.messageId;
    // The process died before it knew the id. A platform that knows its messages tells it now, or posts this one.
    if (!adapter.capabilities.idempotentSend) return undefined;
    return adapter.sendChunk(address, chunk, { signal, key: previewKey(runId) });
  }
}
