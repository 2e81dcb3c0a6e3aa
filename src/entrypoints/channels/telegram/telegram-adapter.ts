import { AppError, isJsonObject } from '../../../base/index.ts';
import type { EgressClient } from '../../../platform/http-client/index.ts';
import type { Attachment, ChannelDefinitionOf, Message, ReplyAddress } from '../../../protocol/index.ts';
import { AdapterLife } from '../adapter-life.ts';
import { connectPatiently } from '../connect-patiently.ts';
import type {
  Acceptance,
  AnswerPreviews,
  ChannelAdapter,
  ChannelAdapterContext,
  ChannelCapabilities,
  Chunk,
  OpenedAttachment,
  OutgoingFile,
  ParsedUpdate,
  RawWebhook,
} from '../channel-adapter.ts';
import { definitionOf } from '../definition-of.ts';
import { MessageBuffer } from '../message-buffer.ts';
import { sendText } from '../send-text.ts';
import {
  allowedUpdates,
  generalTopic,
  parseTelegramUpdate,
  pressIdOf,
  type BotIdentity,
} from './parse-update.ts';
import { isFatal, pollTelegram } from './poller.ts';
import { renderTelegramHtml } from './render-html.ts';
import { ChunkSender } from './chunk-sender.ts';
import { followMigrations } from './follow-migrations.ts';
import { openTelegramAttachment } from './open-attachment.ts';
import { RichMessages } from './rich-messages.ts';
import { sendTelegramFile } from './send-file.ts';
import { sendTelegramTyping } from './send-typing.ts';
import { TelegramPreviews } from './telegram-previews.ts';
import { createTelegramApi, TelegramApiError, type TelegramApi } from './telegram-api.ts';
import { verifyTelegramSecret } from './verify-secret.ts';

const callTimeoutMs = 10_000;
const maxAnswerBytes = 20_000_000;

/** Telegram through the Bot API: long polling or webhook, text in, Markdown out. */
export function createTelegramAdapter(context: ChannelAdapterContext): ChannelAdapter {
  return new TelegramAdapter(context);
}

class TelegramAdapter implements ChannelAdapter {
  readonly platform = 'telegram';
  readonly accountId: string;
  readonly capabilities: ChannelCapabilities = {
    maxTextLength: 4096,
    unit: 'utf16',
    edit: true,
    typingIntervalMs: 4000,
    threads: true,
    sendsPerSecond: 25,
    buttons: true,
    idempotentSend: false,
    files: { mostBytesIn: 20_000_000, mostBytesOut: 50_000_000 },
  };
  readonly #context: ChannelAdapterContext;
  readonly #definition: ChannelDefinitionOf<'telegram'>;
  readonly #api: TelegramApi;
  readonly #rich: RichMessages;
  readonly #sender: ChunkSender;
  readonly previews: AnswerPreviews;
  readonly #buffer = new MessageBuffer();
  #bot: BotIdentity | undefined;
  readonly #life: AdapterLife;
  readonly #connections: () => EgressClient;

  constructor(context: ChannelAdapterContext) {
    const definition = definitionOf(context.definition, 'telegram');
    const { spec, metadata } = definition;
    const account = /^(\d+):\S+$/.exec(spec.token)?.[1];
    if (account === undefined) {
      throw new AppError(
        'invalid_definition',
        `channel "${metadata.name}": spec.token is no Telegram bot token; expected the form 123456:ABC… that @BotFather gives`,
      );
    }
    if (spec.mode === 'webhook' && spec.webhook === undefined) {
      throw new AppError(
        'invalid_definition',
        `channel "${metadata.name}": mode "webhook" needs spec.webhook.secret`,
      );
    }
    this.#context = context;
    this.#life = new AdapterLife(context, (signal) => this.#run(signal));
    this.#connections = this.#life.egress({
      hosts: [new URL(definition.spec.apiBase).hostname],
      maxBodyBytes: maxAnswerBytes,
    });
    this.#definition = definition;
    this.accountId = account;
    this.#api = followMigrations(
      createTelegramApi({
        egress: this.#connections,
        apiBase: spec.apiBase,
        token: spec.token,
      }),
    );
    this.#rich = new RichMessages(spec.rich);
    this.#sender = new ChunkSender(this.#api, this.#rich);
    this.previews = new TelegramPreviews(this.#api, this.#sender, this.#rich);
  }

  start(): Promise<void> {
    this.#life.start();
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return this.#life.stop();
  }

  verify(raw: RawWebhook): boolean {
    const { mode, webhook } = this.#definition.spec;
    return mode === 'webhook' && verifyTelegramSecret(raw, webhook?.secret);
  }

  parse(update: unknown): ParsedUpdate {
    const bot = this.#bot ?? { id: this.accountId, username: '' };
    return parseTelegramUpdate(update, bot, this.#context.clock.now());
  }

  enqueueWebhookUpdate(update: unknown): Promise<Acceptance> {
    if (this.#life.signal === undefined || this.#bot === undefined) {
      return Promise.reject(new AppError('not_ready', 'the channel is not connected to Telegram yet'));
    }
    return this.#accept(update);
  }

  conversation(message: Message): string {
    const { thread_id: thread } = message;
    const topic = thread === undefined || thread === generalTopic ? '' : `:topic:${thread}`;
    return `telegram:${message.account_id}:${message.channel_id}${topic}`;
  }

  replyAddress(message: Message): ReplyAddress {
    return {
      channel: this.#definition.metadata.name,
      platform: this.platform,
      accountId: this.accountId,
      chatId: message.channel_id,
      ...(message.thread_id === undefined ? {} : { threadId: message.thread_id }),
      // In a group the answer has to show which message it answers.
      ...(message.chat_type === 'dm' || message.message_id === undefined
        ? {}
        : { replyToMessageId: message.message_id }),
    };
  }

  render(markdown: string): readonly Chunk[] {
    const chunks = renderTelegramHtml(markdown, this.capabilities.maxTextLength);
    const [first] = chunks;
    return first !== undefined && this.#rich.suits(markdown) ? [{ ...first, markdown }] : chunks;
  }

  sendChunk(address: ReplyAddress, chunk: Chunk, options: { signal: AbortSignal }): Promise<string> {
    return this.#sender.send(address, chunk, options.signal);
  }

  openAttachment(attachment: Attachment, options: { signal: AbortSignal }): Promise<OpenedAttachment> {
    const { apiBase, token } = this.#definition.spec;
    const parts = { api: this.#api, egress: this.#connections, apiBase, token };
    return openTelegramAttachment(parts, attachment, options.signal);
  }

  sendFile(address: ReplyAddress, file: OutgoingFile, options: { signal: AbortSignal }): Promise<string> {
    return sendTelegramFile(this.#api, address, file, options.signal);
  }

  typing(address: ReplyAddress, options: { signal: AbortSignal }): Promise<void> {
    return sendTelegramTyping(this.#api, address, options.signal);
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

  async #accept(update: unknown): Promise<Acceptance> {
    const acceptance = await this.#take(this.parse(update));
    const pressId = pressIdOf(update);
    if (pressId === undefined) return acceptance;
    return {
      ...acceptance,
      afterAck: async () => {
        await Promise.all([this.#confirmPress(pressId), acceptance.afterAck?.()]);
      },
    };
  }

  async #take({ message, ignored }: ParsedUpdate): Promise<Acceptance> {
    if (message === undefined) {
      this.#context.logger.debug({ reason: ignored }, 'update ignored');
      return { outcome: 'ignored' };
    }
    const acceptance = await this.#context.accept(message);
    this.#buffer.push(message);
    return acceptance;
  }

  /** Without it the button shows for a while that it is waiting. */
  async #confirmPress(pressId: string): Promise<void> {
    const signal = this.#life.signal ?? AbortSignal.abort();
    const options = { signal, timeoutMs: callTimeoutMs };
    await this.#api('answerCallbackQuery', { callback_query_id: pressId }, options).catch(
      (error: unknown) => {
        this.#context.logger.debug({ error }, 'a pressed button was not confirmed');
      },
    );
  }

  async #run(signal: AbortSignal): Promise<void> {
    try {
      await connectPatiently(this.#context, signal, {
        connect: () => this.#introduce(signal),
        passing: (error) => (error instanceof TelegramApiError && !isFatal(error) ? error : undefined),
      });
      if (this.#definition.spec.mode === 'webhook') {
        this.#context.onStatus('up');
        return;
      }
      const { clock, state, logger, onStatus } = this.#context;
      await pollTelegram(
        {
          clock,
          state,
          logger,
          onStatus,
          api: this.#api,
          botId: this.accountId,
          pollTimeoutMs: this.#definition.spec.pollTimeout,
          accept: (update) => this.#accept(update),
        },
        signal,
      );
    } catch (error) {
      if (signal.aborted) return;
      const reason = describeFatal(error);
      this.#context.logger.error({ reason }, 'channel is down');
      this.#context.onStatus('down', reason);
    }
  }

  async #introduce(signal: AbortSignal): Promise<void> {
    const { commands, logger } = this.#context;
    const definition = this.#definition;
    const options = { signal, timeoutMs: callTimeoutMs };
    const me = await this.#api('getMe', {}, options);
    const username = isJsonObject(me) && typeof me['username'] === 'string' ? me['username'] : '';
    if (definition.spec.mode === 'polling') {
      await this.#api('deleteWebhook', {}, options);
    } else if (definition.spec.webhook?.url !== undefined) {
      const { url, secret } = definition.spec.webhook;
      const address = webhookAddress(url, definition.metadata.name);
      await this.#api(
        'setWebhook',
        { url: address, secret_token: secret, allowed_updates: allowedUpdates },
        options,
      );
    }
    this.#bot = { id: this.accountId, username };
    const menu = commands.map(({ name, description }) => ({ command: name, description }));
    await this.#api('setMyCommands', { commands: menu }, options).catch((error: unknown) => {
      if (signal.aborted) throw error;
      logger.warn({ error }, 'the command menu could not be set');
    });
  }
}

/** A public address without a path gets the path of the channel's webhook. */
function webhookAddress(url: string, channel: string): string {
  const address = new URL(url);
  if (address.pathname === '/') address.pathname = `/webhooks/telegram/${channel}`;
  return address.href;
}

function describeFatal(error: unknown): string {
  if (!(error instanceof TelegramApiError)) {
    return error instanceof AppError ? error.message : 'an unexpected fault ended the channel; see the log';
  }
  if (error.errorCode === 409) {
    return `${error.message}. Another program polls this bot or has set a webhook for it: stop that one, or use another bot token.`;
  }
  return `${error.message}. Check spec.token: @BotFather shows the bot's present token.`;
}
