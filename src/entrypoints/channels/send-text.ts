import { withDeadline, type Clock } from '../../base/index.ts';
import type { ReplyAddress } from '../../protocol/index.ts';
import type { ChannelAdapter } from './channel-adapter.ts';

const timeoutMs = 60_000;

/** Sends a text at once, chunk after chunk, within a minute; `stopping` ends it sooner. Throws `SendError`. */
export async function sendText(
  adapter: Pick<ChannelAdapter, 'render' | 'sendChunk'>,
  address: ReplyAddress,
  text: string,
  { clock, stopping }: { readonly clock: Clock; readonly stopping?: AbortSignal | undefined },
): Promise<void> {
  const deadline = withDeadline(clock, timeoutMs, stopping);
  try {
    for (const chunk of adapter.render(text))
      await adapter.sendChunk(address, chunk, { signal: deadline.signal });
  } finally {
    deadline.clear();
  }
}
