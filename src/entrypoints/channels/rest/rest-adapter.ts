import { AppError, storable, withDeadline } from '../../../base/index.ts';
import type { ChannelDefinitionOf, Message, ReplyAddress, Scope } from '../../../protocol/index.ts';
import type {
  Acceptance,
  ChannelAdapter,
  ChannelAdapterContext,
  ChannelCapabilities,
  Chunk,
  ParsedUpdate,
  ProgramMessage,
} from '../channel-adapter.ts';
import { definitionOf } from '../definition-of.ts';
import type { Outgoing } from '../delivery-store.ts';
import { MessageBuffer } from '../message-buffer.ts';
import { AnswerPoster } from '../posted-answers/answer-poster.ts';
import { checkReplyUrl } from '../posted-answers/check-reply-url.ts';
import { postedRetries } from '../posted-answers/posted-retries.ts';
import { longestPost, renderAnswer, renderText } from '../posted-answers/render-answer.ts';
import { SendError } from '../send-error.ts';
import { parseRestUpdate, updateOf } from './rest-message.ts';

const sendTimeoutMs = 60_000;

/** Our own HTTP API: programs say something, and get the answer there or posted to an address of theirs. */
export function createRestAdapter(context: ChannelAdapterContext): ChannelAdapter {
  return new RestAdapter(context);
}

class RestAdapter implements ChannelAdapter {
  readonly platform = 'rest';
  readonly accountId: string;
  readonly intakePath: string;
  readonly waitMs: number;
  readonly capabilities: ChannelCapabilities = {
    maxTextLength: longestPost,
    unit: 'utf16',
    edit: false,
    typingIntervalMs: undefined,
    threads: false,
    sendsPerSecond: 50,
    buttons: false,
    idempotentSend: true,
    files: { mostBytesIn: 0, mostBytesOut: 0 },
  };
  readonly retries = postedRetries;
  readonly #context: ChannelAdapterContext;
  readonly #definition: ChannelDefinitionOf<'rest'>;
  readonly #poster: AnswerPoster;
  readonly #buffer = new MessageBuffer();
  #started = false;

  constructor(context: ChannelAdapterContext) {
    const definition = definitionOf(context.definition, 'rest');
    const { callbacks, wait } = definition.spec;
    this.#context = context;
    this.#definition = definition;
    this.accountId = definition.metadata.name;
    this.intakePath = `/api/v1/channels/${this.accountId}/messages`;
    this.waitMs = wait;
    this.#poster = new AnswerPoster(context, { signing: callbacks, hosts: callbacks.hosts });
  }

  start(): Promise<void> {
    if (!this.#started) {
      this.#started = true;
      this.#context.onStatus('up');
    }
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    await this.#poster.close();
    if (!this.#started) return;
    this.#started = false;
    this.#context.onStatus('stopped');
  }

  /** Callers show a key or token to the API; there is nothing to call without one. */
  verify(): boolean {
    return false;
  }

  parse(update: unknown): ParsedUpdate {
    return this.#parse(update);
  }

  enqueueWebhookUpdate(): Promise<Acceptance> {
    return Promise.reject(new AppError('invalid_request', `messages come in at ${this.intakePath}`));
  }

  async enqueueMessage(caller: Scope, message: ProgramMessage): Promise<Acceptance> {
    if (!this.#started) throw new AppError('not_ready', 'the channel has not started');
    if (message.callbackUrl !== undefined)
      checkReplyUrl(message.callbackUrl, this.#definition.spec.callbacks.hosts);
    const parsed = this.#parse(storable(updateOf(message)), caller);
    if (parsed.message === undefined) throw new AppError('invalid_request', `text: ${parsed.ignored}`);
    const acceptance = await this.#context.accept(parsed.message);
    this.#buffer.push(parsed.message);
    return acceptance;
  }

  /** Conversations of one caller: what another one names the same is another. */
  conversation(message: Message): string {
    const principal = message.order?.caller?.principal ?? '';
    return `rest:${this.accountId}:${principal}:${message.channel_id}`;
  }

  replyAddress(message: Message): ReplyAddress {
    const url = message.order?.replyUrl;
    return {
      channel: this.#definition.metadata.name,
      platform: this.platform,
      accountId: this.accountId,
      chatId: message.channel_id,
      ...(url === undefined ? {} : { url }),
    };
  }

  wantsReply(message: Message): boolean {
    return message.order?.replyUrl !== undefined;
  }

  renderOutgoing(outgoing: Outgoing, at: string): readonly Chunk[] {
    return renderAnswer(outgoing, at, this.#definition.spec.callbacks);
  }

  render(markdown: string): readonly Chunk[] {
    return renderText(markdown);
  }

  sendChunk(
    { url }: ReplyAddress,
    chunk: Chunk,
    options: { signal: AbortSignal; key?: string },
  ): Promise<string> {
    if (url === undefined)
      return Promise.reject(new SendError('permanent', 'no address for answers was named'));
    return this.#poster.post(url, chunk, options);
  }

  typing(): Promise<void> {
    return Promise.resolve();
  }

  /** Posts a text to an address, of the hosts that may get answers. */
  async send(channelId: string, text: string): Promise<void> {
    checkReplyUrl(channelId, this.#definition.spec.callbacks.hosts);
    const deadline = withDeadline(this.#context.clock, sendTimeoutMs);
    try {
      for (const chunk of this.render(text))
        await this.#poster.post(channelId, chunk, { signal: deadline.signal });
    } finally {
      deadline.clear();
    }
  }

  receive(options: { signal?: AbortSignal } = {}): Promise<Message> {
    return this.#buffer.next(options.signal);
  }

  #parse(update: unknown, caller?: Scope): ParsedUpdate {
    const nowMs = this.#context.clock.now();
    return parseRestUpdate(update, {
      channel: this.accountId,
      nowMs,
      ...(caller === undefined ? {} : { caller }),
    });
  }
}
