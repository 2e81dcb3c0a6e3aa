import type { JsonObject } from '../../../base/index.ts';
import type { SlackApi } from './slack-api.ts';

const callTimeoutMs = 3000;
const longestPart = 12_000;
const longestStream = 39_000;

/** A message of Slack's that grows. Throws `SlackApiError`. */
export class SlackStream {
  readonly ts: string;
  readonly #api: SlackApi;
  readonly #channel: string;
  /** The text as far as it was appended. */
  #shown: string;
  #length: number;

  private constructor(api: SlackApi, message: { channel: string; ts: string }, shown: string) {
    this.#api = api;
    this.#channel = message.channel;
    this.ts = message.ts;
    this.#shown = shown;
    this.#length = shown.length;
  }

  static async start(
    api: SlackApi,
    place: JsonObject & { readonly channel: string },
    markdown: string,
    signal: AbortSignal,
  ): Promise<SlackStream> {
    const first = partOf(markdown, longestPart);
    const text = first === '' ? {} : { markdown_text: first };
    const { ts } = await api('chat.startStream', { ...place, ...text }, { signal, timeoutMs: callTimeoutMs });
    return new SlackStream(api, { channel: place.channel, ts: typeof ts === 'string' ? ts : '' }, first);
  }

  /** Appends what is new. A stream only grows: a text that begins anew stands below the one before. */
  async show(markdown: string, signal: AbortSignal): Promise<void> {
    const goesOn = markdown.startsWith(this.#shown);
    const news = goesOn ? markdown.slice(this.#shown.length) : `\n\n${markdown}`;
    const part = partOf(news, longestPart);
    if (part.trim() === '' || this.#length + part.length > longestStream) return;
    const parameters = { channel: this.#channel, ts: this.ts, markdown_text: part };
    await this.#api('chat.appendStream', parameters, { signal, timeoutMs: callTimeoutMs });
    this.#length += part.length;
    this.#shown = goesOn ? this.#shown + part : part.slice(2);
  }

  async stop(signal: AbortSignal): Promise<void> {
    await stopSlackStream(this.#api, { channel: this.#channel, ts: this.ts }, signal);
  }
}

/** Makes a stream a message like others. Throws `SlackApiError`. */
export async function stopSlackStream(
  api: SlackApi,
  message: { readonly channel: string; readonly ts: string },
  signal: AbortSignal,
): Promise<void> {
  await api('chat.stopStream', { ...message }, { signal, timeoutMs: callTimeoutMs });
}

/** The beginning of a text, with no character cut in two. */
function partOf(text: string, length: number): string {
  if (text.length <= length) return text;
  const last = text.charCodeAt(length - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? length - 1 : length);
}
