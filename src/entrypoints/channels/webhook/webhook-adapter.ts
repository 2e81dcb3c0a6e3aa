import { AppError, type Json } from '../../../base/index.ts';
import { createExpressions, type Expressions } from '../../../engine/expressions/index.ts';
import type { ChannelDefinitionOf, Message, ReplyAddress, RunTarget } from '../../../protocol/index.ts';
import type {
  Acceptance,
  ChannelAdapter,
  ChannelAdapterContext,
  ChannelCapabilities,
  Chunk,
  ParsedUpdate,
  RawWebhook,
  WebhookReply,
} from '../channel-adapter.ts';
import { definitionOf } from '../definition-of.ts';
import type { Outgoing } from '../delivery-store.ts';
import { MessageBuffer } from '../message-buffer.ts';
import { AnswerPoster } from '../posted-answers/answer-poster.ts';
import { postedRetries } from '../posted-answers/posted-retries.ts';
import { longestPost, renderAnswer, renderText } from '../posted-answers/render-answer.ts';
import { SendError } from '../send-error.ts';
import { sendText } from '../send-text.ts';
import { acceptCall, answerCall, refuseCall } from './accept-call.ts';
import { decodeCall } from './decode-call.ts';
import { createCallMapping, type MapCall } from './map-call.ts';
import { messageOfCall, readCall } from './message-of-call.ts';
import { secretHeaders, signatureFault, verifyWebhookSignature } from './verify-signature.ts';
import { answerWebhookChallenge } from './webhook-challenge.ts';

/** Calls of any service: verified, mapped to a message, and answered where the definition says. */
export function createWebhookAdapter(context: ChannelAdapterContext): ChannelAdapter {
  return new WebhookAdapter(context);
}

class WebhookAdapter implements ChannelAdapter {
  readonly platform = 'webhook';
  readonly accountId: string;
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
  readonly #definition: ChannelDefinitionOf<'webhook'>;
  readonly #poster: AnswerPoster | undefined;
  readonly #map: MapCall;
  readonly #buffer = new MessageBuffer();
  #expressions: Expressions | undefined;
  #started = false;

  constructor(context: ChannelAdapterContext) {
    const definition = definitionOf(context.definition, 'webhook');
    const { spec, metadata } = definition;
    const fault = signatureFault(spec.signature);
    if (fault !== undefined)
      throw new AppError('invalid_definition', `channel "${metadata.name}": spec.signature.secret: ${fault}`);
    this.#context = context;
    this.#definition = definition;
    this.accountId = metadata.name;
    this.#map = createCallMapping(spec, () => {
      if (this.#expressions === undefined) throw new AppError('not_ready', 'the channel has not started');
      return this.#expressions;
    });
    const { reply } = spec;
    this.#poster =
      reply === undefined
        ? undefined
        : new AnswerPoster(context, {
            signing: reply,
            hosts: [...(reply.url === undefined ? [] : [new URL(reply.url).hostname]), ...reply.hosts],
          });
  }

  async start(): Promise<void> {
    this.#expressions ??= await createExpressions();
    if (this.#started) return;
    this.#started = true;
    if (this.#definition.spec.signature.scheme === 'none')
      this.#context.logger.warn(
        {},
        'spec.signature is "none": whoever finds the address of this webhook can start runs',
      );
    this.#context.onStatus('up');
  }

  async stop(): Promise<void> {
    await this.#poster?.close();
    if (!this.#started) return;
    this.#started = false;
    this.#context.onStatus('stopped');
  }

  verify(raw: RawWebhook): boolean {
    return this.verifySignature(raw);
  }

  verifySignature(raw: RawWebhook): boolean {
    return verifyWebhookSignature(raw, this.#definition.spec.signature, this.#context.clock.now());
  }

  verifyWebhookChallenge(raw: RawWebhook): WebhookReply | undefined {
    return answerWebhookChallenge(raw, this.#definition.spec);
  }

  decode(raw: RawWebhook): unknown {
    return decodeCall(raw, secretHeaders(this.#definition.spec.signature));
  }

  parse(update: unknown): ParsedUpdate {
    const read = this.#read(update);
    if ('message' in read) return { message: read.message };
    return { ignored: 'missing' in read ? read.missing : read.ignored };
  }

  enqueueWebhookUpdate(update: unknown): Promise<Acceptance> {
    return this.enqueueWebhookPayload(update);
  }

  /** Takes in a verified call; durable when it resolves. */
  async enqueueWebhookPayload(update: unknown): Promise<Acceptance> {
    if (!this.#started) throw new AppError('not_ready', 'the channel has not started');
    const { spec } = this.#definition;
    const read = this.#read(update);
    if ('ignored' in read) return answerCall({ ignored: read.ignored });
    if ('missing' in read)
      return spec.missing === 'ignore' ? answerCall({ ignored: read.missing }) : refuseCall(read.missing);
    const { message, publish } = read;
    const acceptance = await acceptCall(this.#context, spec, { message, publish });
    this.#buffer.push(message);
    return acceptance;
  }

  conversation(message: Message): string {
    const target = this.#definition.spec.targets === undefined ? undefined : message.order?.target;
    return `webhook:${this.accountId}:${message.channel_id}${target === undefined ? '' : suffixOf(target)}`;
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
    const { reply } = this.#definition.spec;
    return reply !== undefined && (reply.url !== undefined || message.order?.replyUrl !== undefined);
  }

  renderOutgoing(outgoing: Outgoing, at: string): readonly Chunk[] {
    return renderAnswer(outgoing, at, { approvals: this.#definition.spec.reply?.approvals === true });
  }

  render(markdown: string): readonly Chunk[] {
    return renderText(markdown);
  }

  sendChunk(
    address: ReplyAddress,
    chunk: Chunk,
    options: { signal: AbortSignal; key?: string },
  ): Promise<string> {
    const url = address.url ?? this.#definition.spec.reply?.url;
    if (url === undefined || this.#poster === undefined)
      return Promise.reject(new SendError('permanent', 'spec.reply names no address for answers'));
    return this.#poster.post(url, chunk, options);
  }

  typing(): Promise<void> {
    return Promise.resolve();
  }

  async send(channelId: string, text: string): Promise<void> {
    const channel = this.#definition.metadata.name;
    const address = { channel, platform: this.platform, accountId: this.accountId, chatId: channelId };
    await sendText(this, address, text, { clock: this.#context.clock });
  }

  receive(options: { signal?: AbortSignal } = {}): Promise<Message> {
    return this.#buffer.next(options.signal);
  }

  #read(update: unknown) {
    const call = readCall(update);
    if (call === undefined) return { ignored: 'this is no call of a webhook' };
    const mapping = this.#map(call);
    if (!('mapped' in mapping)) return mapping;
    const message = messageOfCall(mapping.mapped, {
      raw: update as Json,
      channel: this.accountId,
      nowMs: this.#context.clock.now(),
    });
    return { message, publish: mapping.mapped.publish };
  }
}

function suffixOf({ kind, name }: RunTarget): string {
  return `:${kind}.${name}`;
}
