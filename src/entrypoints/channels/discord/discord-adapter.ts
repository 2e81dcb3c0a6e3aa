import type { KeyObject } from 'node:crypto';
import { AppError, isJsonObject, tryParseJson, type JsonObject } from '../../../base/index.ts';
import type { EgressClient } from '../../../platform/http-client/index.ts';
import type { Attachment, ChannelDefinitionOf, Message, ReplyAddress } from '../../../protocol/index.ts';
import { AdapterLife } from '../adapter-life.ts';
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
import { sendText } from '../send-text.ts';
import { callAsSend } from './call-as-send.ts';
import { BotRoles } from './bot-roles.ts';
import { DiscordPreviews } from './discord-previews.ts';
import { createDiscordApi, type DiscordApi } from './discord-api.ts';
import { DiscordApiError } from './discord-api-error.ts';
import { intentBits } from './gateway/gateway-session.ts';
import { runGateway } from './gateway/run-gateway.ts';
import { acknowledgementOf, asReply, pongFor } from './interaction-acknowledgement.ts';
import { InteractionReplies } from './interaction-replies.ts';
import { introduce } from './introduce.ts';
import { fileHosts, openDiscordAttachment } from './open-attachment.ts';
import { isInteraction } from './parse-interaction.ts';
import { parseDiscordUpdate } from './parse-update.ts';
import { RateLimits } from './rate-limits.ts';
import { readInteractionOrigin } from './read-interaction-origin.ts';
import { ownCommandNames, registerCommands } from './register-commands.ts';
import { renderDiscord } from './render-discord.ts';
import { sendFileToChannel, sendToChannel, showTyping } from './send-message.ts';
import { ThreadDirectory } from './thread-directory.ts';
import { readPublicKey, verifyDiscordSignature } from './verify-signature.ts';

const callTimeoutMs = 3000;
const maxAnswerBytes = 20_000_000;
const sweepMs = 3_600_000;

/** Discord: messages over the gateway, commands and buttons over it or by calls of Discord, Markdown out. */
export function createDiscordAdapter(context: ChannelAdapterContext): ChannelAdapter {
  return new DiscordAdapter(context);
}

class DiscordAdapter implements ChannelAdapter {
  readonly platform = 'discord';
  readonly accountId: string;
  readonly capabilities: ChannelCapabilities = {
    maxTextLength: 2000,
    unit: 'utf16',
    edit: true,
    typingIntervalMs: 8000,
    threads: true,
    sendsPerSecond: 45,
    buttons: true,
    idempotentSend: true,
    files: { mostBytesIn: 25_000_000, mostBytesOut: 10_000_000 },
  };
  readonly #context: ChannelAdapterContext;
  readonly #definition: ChannelDefinitionOf<'discord'>;
  readonly #token: string;
  readonly #publicKey: KeyObject | undefined;
  readonly #ownCommands: ReadonlySet<string>;
  readonly #api: DiscordApi;
  readonly #replies: InteractionReplies;
  readonly previews: AnswerPreviews;
  readonly #threads: ThreadDirectory;
  readonly #roles: BotRoles;
  readonly #buffer = new MessageBuffer();
  #botId: string;
  readonly #life: AdapterLife;
  readonly #connections: () => EgressClient;
  readonly #fileConnections: () => EgressClient;

  constructor(context: ChannelAdapterContext) {
    const definition = definitionOf(context.definition, 'discord');
    const { spec, metadata } = definition;
    if (spec.mode !== 'gateway' && spec.publicKey === undefined) {
      throw new AppError(
        'invalid_definition',
        `channel "${metadata.name}": mode "${spec.mode}" needs spec.publicKey, which the developer portal shows`,
      );
    }
    this.#context = context;
    this.#life = new AdapterLife(context, (signal) => this.#run(signal));
    const addresses = spec.gatewayUrl === undefined ? [spec.apiBase] : [spec.apiBase, spec.gatewayUrl];
    this.#connections = this.#life.egress({
      hosts: [...addresses.map((address) => new URL(address).hostname), '*.discord.gg'],
      maxBodyBytes: maxAnswerBytes,
    });
    // Files have hosts of their own, which the token is never sent to.
    this.#fileConnections = this.#life.egress({
      hosts: fileHosts(spec.apiBase),
      maxBodyBytes: this.capabilities.files.mostBytesIn,
    });
    this.#definition = definition;
    this.accountId = spec.applicationId;
    this.#botId = spec.applicationId;
    this.#token = spec.token.replace(/^Bot\s+/i, '').trim();
    this.#publicKey = spec.publicKey === undefined ? undefined : readPublicKey(spec.publicKey);
    this.#ownCommands = ownCommandNames(context.commands);
    this.#api = createDiscordApi({
      egress: this.#connections,
      apiBase: spec.apiBase,
      token: this.#token,
      limits: new RateLimits(context.clock),
    });
    const shared = { api: this.#api, state: context.state, clock: context.clock };
    this.#replies = new InteractionReplies({ ...shared, applicationId: spec.applicationId });
    this.previews = new DiscordPreviews(this.#api, this.#replies);
    this.#threads = new ThreadDirectory(this.#api);
    this.#roles = new BotRoles(this.#api);
  }

  start(): Promise<void> {
    this.#life.start();
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return this.#life.stop();
  }

  verify(raw: RawWebhook): boolean {
    if (this.#publicKey === undefined || this.#definition.spec.mode === 'gateway') return false;
    return verifyDiscordSignature(raw, this.#publicKey, this.#context.clock.now());
  }

  verifyWebhookChallenge(raw: RawWebhook): WebhookReply | undefined {
    return raw.method === 'POST' ? pongFor(tryParseJson(new TextDecoder().decode(raw.body))) : undefined;
  }

  parse(update: unknown): ParsedUpdate {
    const parsed = parseDiscordUpdate(update, {
      applicationId: this.accountId,
      botId: this.#botId,
      nowMs: this.#context.clock.now(),
      ownCommands: this.#ownCommands,
      bots: this.#definition.spec.access.bots,
      parentOf: (channelId) => this.#threads.parentOf(channelId),
      roleOn: (guildId) => this.#roles.on(guildId),
    });
    const guild = parsed.message?.guild_id;
    const { guilds } = this.#definition.spec;
    if (guilds === undefined || guild === undefined || guilds.includes(guild)) return parsed;
    return { ignored: 'a server that spec.guilds does not name' };
  }

  async enqueueWebhookUpdate(update: unknown): Promise<Acceptance> {
    if (this.#life.signal === undefined) throw new AppError('not_ready', 'the channel is not running');
    const acceptance = await this.#accept(update);
    if (!isInteraction(update)) return acceptance;
    const { ephemeral } = this.#definition.spec;
    return { ...acceptance, reply: asReply(acknowledgementOf(update, acceptance, { ephemeral })) };
  }

  conversation(message: Message): string {
    return `discord:${message.account_id}:${message.thread_id ?? message.channel_id}`;
  }

  replyAddress(message: Message): ReplyAddress {
    const interaction = message.metadata['interaction'];
    const interactionId = isJsonObject(interaction) ? interaction['id'] : undefined;
    return {
      channel: this.#definition.metadata.name,
      platform: this.platform,
      accountId: this.accountId,
      // To Discord a thread is a channel of its own.
      chatId: message.thread_id ?? message.channel_id,
      ...(typeof interactionId === 'string' ? { interactionId } : {}),
      ...(message.chat_type === 'dm' || message.message_id === undefined || typeof interactionId === 'string'
        ? {}
        : { replyToMessageId: message.message_id }),
    };
  }

  render(markdown: string): readonly Chunk[] {
    return renderDiscord(markdown, this.capabilities.maxTextLength);
  }

  sendChunk(
    address: ReplyAddress,
    chunk: Chunk,
    { signal, key }: { readonly signal: AbortSignal; readonly key?: string },
  ): Promise<string> {
    const { chatId: channelId, interactionId, replyToMessageId } = address;
    return callAsSend(() =>
      interactionId === undefined
        ? sendToChannel(this.#api, { channelId, replyToMessageId }, chunk, { signal, key })
        : this.#replies.send({ interactionId, channelId, chunk, key, signal }),
    );
  }

  openAttachment(
    attachment: Attachment,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<OpenedAttachment> {
    const { apiBase } = this.#definition.spec;
    const { clock } = this.#context;
    const parts = { api: this.#api, egress: () => this.#fileConnections(), apiBase, clock };
    return openDiscordAttachment(parts, attachment, signal);
  }

  /** Files of an answer to a command go where its later messages go. */
  sendFile(
    address: ReplyAddress,
    file: OutgoingFile,
    { signal, key }: { readonly signal: AbortSignal; readonly key?: string },
  ): Promise<string> {
    const { chatId: channelId, interactionId } = address;
    return callAsSend(() =>
      interactionId === undefined
        ? sendFileToChannel(this.#api, channelId, file, { signal, key })
        : this.#replies.sendFile({ interactionId, channelId, file, key, signal }),
    );
  }

  async typing(address: ReplyAddress, { signal }: { signal: AbortSignal }): Promise<void> {
    // A deferred reply shows by itself that something is coming.
    if (address.interactionId !== undefined) return;
    await callAsSend(() => showTyping(this.#api, address.chatId, signal));
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
    const { message, ignored } = this.parse(update);
    if (message === undefined) {
      this.#context.logger.debug({ reason: ignored }, 'update ignored');
      return { outcome: 'ignored' };
    }
    const origin = readInteractionOrigin(update);
    if (origin !== undefined) {
      const { id, ...interaction } = origin;
      const { ephemeral } = this.#definition.spec;
      await this.#replies.remember(id, { ...interaction, userId: message.user_id, ephemeral });
    }
    const acceptance = await this.#context.accept(message);
    this.#buffer.push(message);
    return acceptance;
  }

  /** An event of the gateway; true when it was a message for the pipeline. */
  async #onEvent(event: JsonObject, botId: string, signal: AbortSignal): Promise<boolean> {
    this.#botId = botId;
    const { t: name, d: data } = event;
    if (!isJsonObject(data)) return false;
    if (name === 'INTERACTION_CREATE') {
      const acceptance = await this.#accept(data);
      void this.#acknowledge(data, acceptance, signal);
      return true;
    }
    if (name !== 'MESSAGE_CREATE') return false;
    const { access } = this.#definition.spec;
    if (
      access.groups === 'allowlist' &&
      typeof data['guild_id'] === 'string' &&
      typeof data['channel_id'] === 'string'
    )
      await this.#threads.learn(data['channel_id'], signal);
    const { guild_id: guild, mention_roles: roles } = data;
    const isNamed = Array.isArray(roles) && roles.length > 0;
    if (access.groups !== 'disabled' && isNamed && typeof guild === 'string')
      await this.#roles.learn(guild, botId, signal);
    const { outcome, afterAck } = await this.#accept(event);
    // Not waited for: a slow courtesy must not hold up the next messages.
    void afterAck?.();
    return outcome !== 'ignored';
  }

  /** Over the gateway an interaction is acknowledged by a call of ours. */
  async #acknowledge(update: JsonObject, acceptance: Acceptance, signal: AbortSignal): Promise<void> {
    const { ephemeral } = this.#definition.spec;
    const { id, token } = update;
    try {
      if (typeof id !== 'string' || typeof token !== 'string') return;
      await this.#api({
        method: 'POST',
        path: `/interactions/${encodeURIComponent(id)}/${encodeURIComponent(token)}/callback`,
        route: `acknowledging interaction ${id}`,
        body: acknowledgementOf(update, acceptance, { ephemeral }),
        as: 'interaction',
        signal,
        timeoutMs: callTimeoutMs,
      });
    } catch (error) {
      this.#context.logger.warn({ error }, 'an interaction was not acknowledged in time');
    }
    await acceptance.afterAck?.();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, state, logger, onStatus, commands } = this.#context;
    const { spec } = this.#definition;
    const sweep = (): void => {
      this.#replies
        .forgetOld()
        .catch((error: unknown) => logger.warn({ error }, 'old interactions were kept'));
    };
    const cancelSweep = clock.every(sweepMs, sweep);
    try {
      this.#botId = await introduce({ api: this.#api, clock, logger, spec, onStatus }, signal);
      if (spec.registerCommands) {
        const shared = { api: this.#api, state, applicationId: this.accountId };
        await registerCommands(shared, commands, signal).catch((error: unknown) => {
          if (signal.aborted) throw error;
          logger.warn({ error }, 'the slash commands could not be registered');
        });
      }
      sweep();
      if (spec.mode === 'interactions') {
        onStatus('up');
        await new Promise<void>((resolve) => {
          if (signal.aborted) resolve();
          else signal.addEventListener('abort', () => resolve(), { once: true });
        });
        return;
      }
      await runGateway(
        {
          clock,
          state,
          logger,
          onStatus,
          api: this.#api,
          applicationId: this.accountId,
          token: this.#token,
          intents: spec.intents.reduce((bits, name) => bits | intentBits[name], 0),
          gatewayUrl: spec.gatewayUrl,
          connect: (address) => this.#connections().openWebSocket(address),
          onEvent: (event, botId) => this.#onEvent(event, botId, signal),
        },
        signal,
      );
    } catch (error) {
      if (signal.aborted) return;
      const reason = describeFatal(error);
      logger.error({ reason }, 'channel is down');
      onStatus('down', reason);
    } finally {
      cancelSweep();
    }
  }
}

function describeFatal(error: unknown): string {
  if (error instanceof DiscordApiError && error.errorStatus === 401)
    return `${error.message}. Check spec.token: the developer portal makes a new one under Bot.`;
  return error instanceof AppError ? error.message : 'an unexpected fault ended the channel; see the log';
}
