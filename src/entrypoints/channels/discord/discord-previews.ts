import type { ReplyAddress } from '../../../protocol/index.ts';
import type {
  AnswerPreviews,
  Chunk,
  LivePreview,
  PreviewContent,
  PreviewTarget,
} from '../channel-adapter.ts';
import { SendError } from '../send-error.ts';
import { callAsSend } from './call-as-send.ts';
import type { DiscordApi } from './discord-api.ts';
import type { InteractionReplies } from './interaction-replies.ts';
import { editMessage, sendToChannel } from './send-message.ts';

type Options = { readonly signal: AbortSignal };

/** Unfinished answers: in the place of a deferred reply, else as a message that is edited. */
export class DiscordPreviews implements AnswerPreviews {
  // Five calls in five seconds for each channel, and the answer needs some of them.
  readonly intervalMs = { dm: 1500, group: 2500 };
  readonly perSecond = 15;
  readonly #api: DiscordApi;
  readonly #replies: InteractionReplies;

  constructor(api: DiscordApi, replies: InteractionReplies) {
    this.#api = api;
    this.#replies = replies;
  }

  isNative({ interactionId }: ReplyAddress): boolean {
    return interactionId !== undefined;
  }

  async begin(target: PreviewTarget, content: PreviewContent, options: Options): Promise<LivePreview> {
    const { address, key } = target;
    const { chatId: channelId, interactionId, replyToMessageId } = address;
    if (interactionId !== undefined) {
      const update: LivePreview['update'] = ({ chunk }, { signal }) =>
        callAsSend(() => this.#replies.preview(interactionId, chunk, signal));
      await update(content, options);
      return { messageId: undefined, update };
    }
    if (target.nativeOnly) throw new SendError('permanent', 'Discord shows answers here only as messages');
    await target.reserve();
    const messageId = await callAsSend(() =>
      sendToChannel(this.#api, { channelId, replyToMessageId }, content.chunk, { ...options, key }),
    );
    return {
      messageId,
      update: ({ chunk }, { signal }) => this.replace(address, messageId, chunk, { signal }),
    };
  }

  async replace(address: ReplyAddress, messageId: string, chunk: Chunk, options: Options): Promise<void> {
    const message = { channelId: address.chatId, messageId };
    await callAsSend(() => editMessage(this.#api, message, chunk, options.signal));
  }
}
