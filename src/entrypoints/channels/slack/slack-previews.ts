import type { JsonObject } from '../../../base/index.ts';
import type { ReplyAddress } from '../../../protocol/index.ts';
import type {
  AnswerPreviews,
  Chunk,
  LivePreview,
  PreviewContent,
  PreviewTarget,
} from '../channel-adapter.ts';
import { SendError } from '../send-error.ts';
import { callAsSend, sendSlackChunk } from './send-message.ts';
import { SlackApiError, type SlackApi } from './slack-api.ts';
import { SlackStream } from './slack-stream.ts';
import { updateSlackMessage } from './update-message.ts';

/** Refusals that concern the app as a whole. */
const unavailable = new Set(['feature_not_enabled', 'method_deprecated', 'unknown_method', 'missing_scope']);
/** Slack ends a stream by itself after some minutes; it is a message like others then. */
const ended = new Set(['message_not_in_streaming_state', 'streaming_mode_mismatch']);

type Options = { readonly signal: AbortSignal };

/** Unfinished answers: as a stream in threads where the app may, else as a message that is updated. */
export class SlackPreviews implements AnswerPreviews {
  readonly intervalMs = { dm: 1500, group: 3000 };
  readonly perSecond = 1.5;
  readonly #api: SlackApi;
  readonly #teamId: () => string | undefined;
  #streamsAreMissing = false;

  constructor(api: SlackApi, teamId: () => string | undefined) {
    this.#api = api;
    this.#teamId = teamId;
  }

  isNative({ threadId }: ReplyAddress): boolean {
    return !this.#streamsAreMissing && threadId !== undefined;
  }

  async begin(target: PreviewTarget, content: PreviewContent, options: Options): Promise<LivePreview> {
    const { address, key } = target;
    if (target.nativeOnly && !this.isNative(address))
      throw new SendError('permanent', 'Slack has no streams here');
    await target.reserve();
    if (this.isNative(address)) {
      const stream = await this.#stream(target, content, options);
      if (stream !== undefined) return this.#streamed(address, stream);
      if (target.nativeOnly) throw new SendError('permanent', 'Slack has no streams here');
    }
    const ts = await sendSlackChunk(this.#api, address, content.chunk, { ...options, key });
    return { messageId: ts, update: (next, { signal }) => this.replace(address, ts, next.chunk, { signal }) };
  }

  async replace({ chatId }: ReplyAddress, ts: string, chunk: Chunk, { signal }: Options): Promise<void> {
    await updateSlackMessage(this.#api, { channel: chatId, ts }, chunk, signal);
  }

  /** `undefined`: Slack has no streams here. */
  async #stream(
    { address, userId }: PreviewTarget,
    { markdown }: PreviewContent,
    { signal }: Options,
  ): Promise<SlackStream | undefined> {
    const team = this.#teamId();
    const recipient: JsonObject = {
      recipient_user_id: userId,
      ...(team === undefined ? {} : { recipient_team_id: team }),
    };
    const place = { channel: address.chatId, thread_ts: address.threadId ?? '' };
    return callAsSend(async () => {
      try {
        return await SlackStream.start(this.#api, { ...place, ...recipient }, markdown, signal);
      } catch (error) {
        if (!(error instanceof SlackApiError)) throw error;
        const isMissing = unavailable.has(error.reason);
        this.#streamsAreMissing ||= isMissing;
        if (isMissing || error.reason === 'channel_type_not_supported') return undefined;
        throw error;
      }
    });
  }

  #streamed(address: ReplyAddress, stream: SlackStream): LivePreview {
    let isOpen = true;
    return {
      messageId: stream.ts,
      update: async (next, { signal }) => {
        if (isOpen) {
          try {
            await stream.show(next.markdown, signal);
            return;
          } catch (error) {
            isOpen = error instanceof SlackApiError && !ended.has(error.reason);
            if (isOpen) await callAsSend(() => Promise.reject(error as Error));
          }
        }
        await this.replace(address, stream.ts, next.chunk, { signal });
      },
      end: async ({ signal }) => {
        if (isOpen) await callAsSend(() => stream.stop(signal));
      },
    };
  }
}
