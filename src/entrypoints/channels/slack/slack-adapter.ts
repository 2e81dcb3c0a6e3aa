import { AppError, isJsonObject, type JsonObject } from '../../../base/index.ts';
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
  WebhookReply,
} from '../channel-adapter.ts';
import { definitionOf } from '../definition-of.ts';
import { MessageBuffer } from '../message-buffer.ts';
import { SendError } from '../send-error.ts';
import { sendText } from '../send-text.ts';
import { accountOf, checkSlackDefinition } from './check-definition.ts';
import { answerSlackChallenge, decodeSlackWebhook } from './decode-webhook.ts';
import { openSlackAttachment } from './open-attachment.ts';
import { parseSlackUpdate } from './parse-update.ts';
import { renderSlackMrkdwn } from './render-mrkdwn.ts';
import { sendSlackFile } from './send-file.ts';
import { refusedTokens, sendSlackChunk } from './send-message.ts';
import { createStatusLine } from './show-status.ts';
import { createSlackApi, SlackApiError, type SlackApi } from './slack-api.ts';
import { SlackPreviews } from './slack-previews.ts';
import { runSocketMode } from './socket/run-socket-mode.ts';
import { verifySlackSignature } from './verify-signature.ts';

const callTimeoutMs = 10_000;
const maxAnswerBytes = 20_000_000;

/** Slack through the Events API or Socket Mode, and the Web API: text in, Markdown out. */
export function createSlackAdapter(context: ChannelAdapterContext): ChannelAdapter {
  return new SlackAdapter(context);
}

class SlackAdapter implements ChannelAdapter {
  readonly platform = 'slack';
  readonly accountId: string;
  readonly capabilities: ChannelCapabilities = {
    maxTextLength: 3900,
    unit: 'utf16',
    edit: true,
    typingIntervalMs: 90_000,
    threads: true,
    sendsPerSecond: 10,
    buttons: true,
    idempotentSend: false,
    files: { mostBytesIn: 1_000_000_000, mostBytesOut: 1_000_000_000 },
  };
  readonly #context: ChannelAdapterContext;
  readonly #definition: ChannelDefinitionOf<'slack'>;
  readonly #api: SlackApi;
  readonly #showStatus: (address: ReplyAddress, signal: AbortSignal) => Promise<void>;
  readonly #buffer = new MessageBuffer();
  readonly previews: AnswerPreviews;
  #bot:
    | { readonly userId: string; readonly botId: string | undefined; readonly teamId: string | undefined }
    | undefined;
  readonly #life: AdapterLife;
  readonly #connections: () => EgressClient;
  #refused = false;

  constructor(context: ChannelAdapterContext) {
    const definition = definitionOf(context.definition, 'slack');
    checkSlackDefinition(definition);
    this.#context = context;
    this.#life = new AdapterLife(context, (signal) => this.#run(signal));
    const { hostname } = new URL(definition.spec.apiBase);
    this.#connections = this.#life.egress({
      // Sessions of Socket Mode live on hosts of their own.
      hosts: /[a-z]/i.test(hostname) ? [hostname, `*.${hostname}`] : [hostname],
      maxBodyBytes: maxAnswerBytes,
    });
    this.#definition = definition;
    this.accountId = accountOf(definition);
    this.#api = this.#apiWith(definition.spec.botToken);
    this.#showStatus = createStatusLine(this.#api);
    this.previews = new SlackPreviews(this.#api, () => this.#bot?.teamId);
  }

  start(): Promise<void> {
    if (this.#life.start()) this.#refused = false;
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return this.#life.stop();
  }

  verify(raw: RawWebhook): boolean {
    const { mode, signingSecret } = this.#definition.spec;
    return mode === 'events' && verifySlackSignature(raw, signingSecret, this.#context.clock.now());
  }

  verifyWebhookChallenge(raw: RawWebhook): WebhookReply | undefined {
    return answerSlackChallenge(raw);
  }

  decode(raw: RawWebhook): unknown {
    return decodeSlackWebhook(raw);
  }

  parse(update: unknown): ParsedUpdate {
    return parseSlackUpdate(update, {
      accountId: this.accountId,
      userId: this.#bot?.userId,
      botId: this.#bot?.botId,
      allowBots: this.#definition.spec.access.bots,
      commands: this.#context.commands.map((command) => command.name),
      nowMs: this.#context.clock.now(),
    });
  }

  enqueueWebhookUpdate(update: unknown): Promise<Acceptance> {
    if (this.#life.signal === undefined) {
      return Promise.reject(new AppError('not_ready', 'the channel is not connected to Slack'));
    }
    return this.#accept(update);
  }

  conversation(message: Message): string {
    const thread = message.chat_type === 'dm' ? undefined : threadOf(message);
    const suffix = thread === undefined ? '' : `:${thread}`;
    return `slack:${message.account_id}:${message.channel_id}${suffix}`;
  }

  replyAddress(message: Message): ReplyAddress {
    const thread = threadOf(message);
    return {
      channel: this.#definition.metadata.name,
      platform: this.platform,
      accountId: this.accountId,
      chatId: message.channel_id,
      ...(thread === undefined ? {} : { threadId: thread }),
    };
  }

  render(markdown: string): readonly Chunk[] {
    return renderSlackMrkdwn(markdown, this.capabilities.maxTextLength);
  }

  async sendChunk(
    address: ReplyAddress,
    chunk: Chunk,
    options: { signal: AbortSignal; key?: string },
  ): Promise<string> {
    try {
      return await sendSlackChunk(this.#api, address, chunk, options);
    } catch (error) {
      if (error instanceof SendError && error.unauthorized) this.#goDown(error.message);
      throw error;
    }
  }

  openAttachment(attachment: Attachment, options: { signal: AbortSignal }): Promise<OpenedAttachment> {
    const { botToken: token } = this.#definition.spec;
    const parts = { api: this.#api, egress: this.#connections, token };
    return openSlackAttachment(parts, attachment, options.signal);
  }

  sendFile(address: ReplyAddress, file: OutgoingFile, options: { signal: AbortSignal }): Promise<string> {
    const parts = { api: this.#api, egress: this.#connections };
    return sendSlackFile(parts, address, file, options.signal);
  }

  typing(address: ReplyAddress, options: { signal: AbortSignal }): Promise<void> {
    return this.#showStatus(address, options.signal);
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

  #apiWith(token: string): SlackApi {
    return createSlackApi({
      egress: this.#connections,
      apiBase: this.#definition.spec.apiBase,
      token,
    });
  }

  async #accept(update: unknown): Promise<Acceptance> {
    // An answer could not be sent: a new token restarts the channel.
    if (this.#refused) throw new AppError('not_ready', 'Slack has refused the token of this channel');
    const parsed = this.parse(update);
    if (parsed.message === undefined) {
      // Nobody else hears that events are lost.
      const isLoss = isJsonObject(update) && update['type'] === 'app_rate_limited';
      this.#context.logger[isLoss ? 'warn' : 'debug']({ reason: parsed.ignored }, 'update ignored');
      return { outcome: 'ignored' };
    }
    const acceptance = await this.#context.accept(parsed.message);
    this.#buffer.push(parsed.message);
    return withCommandShown(acceptance, parsed.message);
  }

  async #run(signal: AbortSignal): Promise<void> {
    try {
      await connectPatiently(this.#context, signal, {
        connect: () => this.#introduce(signal),
        passing: (error) => (error instanceof SlackApiError && !isFatal(error) ? error : undefined),
      });
      const { mode, appToken = '' } = this.#definition.spec;
      if (mode === 'events') {
        this.#context.onStatus('up');
        return;
      }
      await runSocketMode(
        {
          ...this.#context,
          api: this.#apiWith(appToken),
          accountId: this.accountId,
          connect: (address) => this.#connections().openWebSocket(address),
          accept: (update) => this.#accept(update),
          isFatal,
        },
        signal,
      );
    } catch (error) {
      if (signal.aborted) return;
      this.#goDown(error instanceof AppError ? error.message : 'an unexpected fault; see the log');
    }
  }

  async #introduce(signal: AbortSignal): Promise<void> {
    const me: JsonObject = await this.#api('auth.test', {}, { signal, timeoutMs: callTimeoutMs });
    const { user_id: userId, bot_id: botId, team_id: teamId } = me;
    this.#bot = {
      userId: typeof userId === 'string' ? userId : '',
      botId: typeof botId === 'string' ? botId : undefined,
      teamId: typeof teamId === 'string' ? teamId : undefined,
    };
  }

  #goDown(reason: string): void {
    this.#refused = true;
    this.#context.logger.error({ reason }, 'channel is down');
    this.#context.onStatus(
      'down',
      `${reason}. Check tokens and scopes: the app's page at api.slack.com/apps shows them.`,
    );
  }
}

/** True for refusals that no repetition heals: a wrong token, a missing right, Socket Mode switched off. */
function isFatal(error: unknown): boolean {
  if (error instanceof AppError && error.code === 'invalid_definition') return true;
  if (!(error instanceof SlackApiError)) return false;
  return refusedTokens.has(error.reason) || lasting.has(error.reason);
}

const lasting = new Set(['missing_scope', 'not_allowed_token_type', 'no_permission', 'forbidden_team']);

/** In channels a message begins the thread of its answer; in direct messages answers stand beside it. */
function threadOf(message: Message): string | undefined {
  if (message.thread_id !== undefined) return message.thread_id;
  return message.chat_type === 'dm' ? undefined : message.message_id;
}

/** Slack hides a slash command from the others unless the answer to it says otherwise. */
function withCommandShown(acceptance: Acceptance, { dedupe_key, chat_type }: Message): Acceptance {
  const isSlash = /^slack:[^:]+:command:/.test(dedupe_key);
  if (!isSlash || chat_type === 'dm' || acceptance.outcome !== 'submitted') return acceptance;
  const body = JSON.stringify({ response_type: 'in_channel' });
  return { ...acceptance, reply: { status: 200, contentType: 'application/json', body } };
}
