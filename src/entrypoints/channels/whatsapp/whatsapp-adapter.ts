import { AppError } from '../../../base/index.ts';
import type { EgressClient } from '../../../platform/http-client/index.ts';
import type { Attachment, ChannelDefinitionOf, Message, ReplyAddress } from '../../../protocol/index.ts';
import { AdapterLife } from '../adapter-life.ts';
import { connectPatiently } from '../connect-patiently.ts';
import type {
  Acceptance,
  ChannelAdapter,
  ChannelAdapterContext,
  ChannelCapabilities,
  Chunk,
  OpenedAttachment,
  OutgoingFile,
  ParsedUpdate,
  RawWebhook,
  WebhookReply,
} from '../channel-adapter.ts';
import { definitionOf } from '../definition-of.ts';
import { MessageBuffer } from '../message-buffer.ts';
import { SendError } from '../send-error.ts';
import { sendText } from '../send-text.ts';
import { isRefusedToken } from './error-codes.ts';
import { versionWarning } from './graph-versions.ts';
import { InboundCalls } from './inbound-calls.ts';
import { mediaHosts, openWhatsAppAttachment } from './open-attachment.ts';
import { parseWhatsAppUpdate } from './parse-update.ts';
import { ReceiptDesk } from './receipt-desk.ts';
import { renderWhatsApp } from './render-whatsapp.ts';
import { sendWhatsAppFile } from './send-file.ts';
import { sendWhatsAppChunk, showWhatsAppTyping, type SendDeps } from './send-message.ts';
import { answerWhatsAppChallenge, verifyWhatsAppSignature } from './verify-signature.ts';
import { createWhatsAppApi, WhatsAppApiError, type WhatsAppApi } from './whatsapp-api.ts';
import type { WhatsAppReader } from './whatsapp-update.ts';

const callTimeoutMs = 10_000;
const maxAnswerBytes = 20_000_000;
const dayMs = 86_400_000;

/** WhatsApp through the Cloud API of one phone number: text in, Markdown out. */
export function createWhatsAppAdapter(context: ChannelAdapterContext): ChannelAdapter {
  return new WhatsAppAdapter(context);
}

class WhatsAppAdapter implements ChannelAdapter {
  readonly platform = 'whatsapp';
  readonly accountId: string;
  readonly capabilities: ChannelCapabilities = {
    maxTextLength: 4096,
    unit: 'utf16',
    edit: false,
    typingIntervalMs: 20_000,
    threads: false,
    sendsPerSecond: 80,
    buttons: true,
    idempotentSend: false,
    files: { mostBytesIn: 100_000_000, mostBytesOut: 100_000_000 },
  };
  readonly #context: ChannelAdapterContext;
  readonly #definition: ChannelDefinitionOf<'whatsapp'>;
  readonly #api: WhatsAppApi;
  readonly #sending: SendDeps;
  readonly #receipts: ReceiptDesk;
  readonly #inbound: InboundCalls;
  readonly #buffer = new MessageBuffer();
  readonly #life: AdapterLife;
  readonly #connections: () => EgressClient;
  #stopTimers: (() => void) | undefined;
  #refused = false;

  constructor(context: ChannelAdapterContext) {
    const definition = definitionOf(context.definition, 'whatsapp');
    const { apiBase, graphVersion: version, accessToken: token, phoneNumberId, template } = definition.spec;
    this.#context = context;
    this.#life = new AdapterLife(context, (signal) => this.#run(signal));
    this.#connections = this.#life.egress({
      hosts: [new URL(definition.spec.apiBase).hostname, ...mediaHosts],
      maxBodyBytes: maxAnswerBytes,
    });
    this.#definition = definition;
    this.accountId = phoneNumberId;
    this.#api = createWhatsAppApi({ egress: this.#connections, apiBase, version, token });
    this.#sending = { api: this.#api, phoneNumberId, template, piecesSent: new Map() };
    this.#receipts = new ReceiptDesk(context, {
      accountId: phoneNumberId,
      hasTemplate: template !== undefined,
    });
    this.#inbound = new InboundCalls(context, {
      reader: () => this.#reader(),
      receipts: this.#receipts,
      onAccepted: (message) => this.#buffer.push(message),
    });
  }

  start(): Promise<void> {
    if (this.#life.start()) {
      this.#refused = false;
      this.#warnOfVersion();
      this.#stopTimers = this.#context.clock.every(dayMs, () => {
        this.#warnOfVersion();
        this.#receipts.forgetOld();
      });
    }
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#stopTimers?.();
    this.#stopTimers = undefined;
    return this.#life.stop();
  }

  verify(raw: RawWebhook): boolean {
    return verifyWhatsAppSignature(raw, this.#definition.spec.appSecret);
  }

  verifyWebhookChallenge(raw: RawWebhook): WebhookReply | undefined {
    return answerWhatsAppChallenge(raw, this.#definition.spec.verifyToken);
  }

  parse(update: unknown): ParsedUpdate {
    return parseWhatsAppUpdate(update, this.#reader());
  }

  /** Takes in everything that a call carries; durable when it resolves. */
  enqueueWebhookUpdate(update: unknown): Promise<Acceptance> {
    if (this.#life.signal === undefined)
      return Promise.reject(new AppError('not_ready', 'the channel is not connected to WhatsApp'));
    // An answer could not be sent: a new token restarts the channel.
    if (this.#refused)
      return Promise.reject(new AppError('not_ready', 'Meta has refused the token of this channel'));
    return this.#inbound.take(update);
  }

  conversation(message: Message): string {
    return `whatsapp:${message.account_id}:${message.user_id}`;
  }

  replyAddress(message: Message): ReplyAddress {
    const { message_id: messageId, kind, reply_to: quoted } = message;
    return {
      channel: this.#definition.metadata.name,
      platform: this.platform,
      accountId: this.accountId,
      chatId: message.channel_id,
      ...(messageId === undefined ? {} : { answeredMessageId: messageId }),
      // Whoever quotes goes back to something earlier: the answer shows what it is about.
      ...(messageId === undefined || quoted === undefined || kind === 'interaction'
        ? {}
        : { replyToMessageId: messageId }),
    };
  }

  render(markdown: string): readonly Chunk[] {
    return renderWhatsApp(markdown, this.capabilities.maxTextLength);
  }

  sendChunk(
    address: ReplyAddress,
    chunk: Chunk,
    options: { signal: AbortSignal; key?: string },
  ): Promise<string> {
    return this.#send(options.key, () => sendWhatsAppChunk(this.#sending, address, chunk, options));
  }

  openAttachment(attachment: Attachment, options: { signal: AbortSignal }): Promise<OpenedAttachment> {
    const { accessToken: token } = this.#definition.spec;
    const parts = { api: this.#api, egress: this.#connections, token };
    return openWhatsAppAttachment(parts, attachment, options.signal);
  }

  sendFile(
    address: ReplyAddress,
    file: OutgoingFile,
    options: { signal: AbortSignal; key?: string },
  ): Promise<string> {
    return this.#send(options.key, () => sendWhatsAppFile(this.#sending, address, file, options));
  }

  typing(address: ReplyAddress, options: { signal: AbortSignal }): Promise<void> {
    return showWhatsAppTyping(this.#sending, address, options.signal);
  }

  async send(channelId: string, text: string): Promise<void> {
    const channel = this.#definition.metadata.name;
    const address = { channel, platform: this.platform, accountId: this.accountId, chatId: channelId };
    await sendText(this, address, text, {
      clock: this.#context.clock,
      stopping: this.#life.signal,
    });
  }

  receive(options: { signal?: AbortSignal } = {}): Promise<Message> {
    return this.#buffer.next(options.signal);
  }

  async #send(key: string | undefined, send: () => Promise<string>): Promise<string> {
    const arrived = this.#receipts.arrivedAs(key);
    if (arrived !== undefined) return arrived;
    try {
      return await send();
    } catch (error) {
      if (error instanceof SendError) {
        if (error.unauthorized) this.#goDown(error.message);
        if (error.verdict === 'ambiguous') this.#receipts.lookOutFor(key);
      }
      throw error;
    }
  }

  #reader(): WhatsAppReader {
    return {
      phoneNumberId: this.accountId,
      commands: this.#context.commands.map((command) => command.name),
      nowMs: this.#context.clock.now(),
    };
  }

  async #run(signal: AbortSignal): Promise<void> {
    try {
      await connectPatiently(this.#context, signal, {
        connect: () => this.#introduce(signal),
        passing: (error) => (error instanceof WhatsAppApiError && !isFatal(error) ? error : undefined),
      });
      this.#context.onStatus('up');
    } catch (error) {
      if (signal.aborted) return;
      this.#goDown(error instanceof AppError ? error.message : 'an unexpected fault; see the log');
    }
  }

  /** Asks for the phone number: the token must see it. */
  async #introduce(signal: AbortSignal): Promise<void> {
    await this.#api({
      method: 'GET',
      path: `${this.accountId}?fields=display_phone_number,verified_name`,
      action: 'the question for the phone number',
      signal,
      timeoutMs: callTimeoutMs,
    });
  }

  #warnOfVersion(): void {
    const warning = versionWarning(this.#definition.spec.graphVersion, this.#context.clock.now());
    if (warning !== undefined) this.#context.logger.warn({}, warning);
  }

  #goDown(reason: string): void {
    this.#refused = true;
    this.#context.logger.error({ reason }, 'channel is down');
    this.#context.onStatus(
      'down',
      `${reason}. Check spec.phoneNumberId and spec.accessToken: the token needs the permission whatsapp_business_messaging for this number.`,
    );
  }
}

/** True for refusals that no repetition heals: a wrong token, a missing right, an unknown number. */
function isFatal(error: unknown): boolean {
  if (!(error instanceof WhatsAppApiError))
    return error instanceof AppError && error.code === 'invalid_definition';
  const { errorCode, httpStatus, isTransient } = error;
  if (httpStatus === 401 || (errorCode !== undefined && isRefusedToken(errorCode))) return true;
  // 100 and 33: there is no such number, or the token does not see it.
  return !isTransient && httpStatus >= 400 && httpStatus < 500 && (errorCode === 100 || errorCode === 33);
}
