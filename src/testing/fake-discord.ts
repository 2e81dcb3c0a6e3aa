import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { FakeListener } from './fake-listener.ts';
import { FakePlatform } from './fake-platform.ts';
import { FakeDiscordGateway } from './fake-discord-gateway.ts';
import { DiscordFiles } from './discord-files.ts';
import type { FormFileSent } from './read-multipart.ts';
import { discordCallName } from './discord-call-name.ts';
import {
  buttonsOf,
  readCall,
  reply,
  ok,
  type DiscordAnswer as Answer,
  type DiscordCall as Call,
} from './discord-wire.ts';
import { readDiscordMarkdown } from './discord-markdown.ts';
import type {
  DiscordFault,
  DiscordMessage,
  DiscordUserMessage,
  SignedCall,
  UnreadJson as Json,
} from './discord-types.ts';

const deferred = 5;
const ephemeralFlag = 64;
const mostUpload = 10_485_760;
const epochMs = 1_420_070_400_000n;

/** Discord on loopback for one application: REST, gateway and the caller of its interactions endpoint. */
export class FakeDiscord extends FakePlatform<Call, DiscordMessage, DiscordFault> {
  readonly token = 'fake-discord-token';
  readonly applicationId = '900000000000000001';
  /** 64 hexadecimal digits. */
  readonly publicKey: string;
  readonly messages: DiscordMessage[] = [];
  readonly commands = new Map<string, Json>();
  readonly channels = new Map<string, Json>();
  readonly gateway: FakeDiscordGateway;
  /** What people have sent; its downloads can be made to fail. */
  readonly files = new DiscordFiles(() => this.#host);
  /** Answers of the endpoint and of callbacks, by interaction. */
  readonly acknowledgements: { readonly id: string; readonly status: number; readonly body: Json }[] = [];
  interactionsUrl: string | undefined;
  readonly #privateKey: KeyObject;
  readonly #listener: FakeListener;
  readonly #tokens = new Map<
    string,
    { id: string; channelId: string; open: boolean; original?: DiscordMessage }
  >();
  readonly #deferredFlags = new Map<string, Json>();
  #next = 1n;

  private constructor(listener: FakeListener) {
    super();
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    this.publicKey = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex');
    this.#privateKey = privateKey;
    this.#listener = listener;
    listener.server.on('request', (request, response) => void this.#serve(request, response));
    this.gateway = new FakeDiscordGateway({
      server: listener.server,
      bot: { id: this.applicationId, token: this.token },
      address: () => this.gatewayUrl,
      changed: () => this.watch.look(),
    });
  }

  /** Listens alone unless it is given its part of a shared server. */
  static async start(options: { listener?: FakeListener } = {}): Promise<FakeDiscord> {
    return new FakeDiscord(options.listener ?? (await FakeListener.alone()));
  }

  /** Address for `spec.apiBase`. */
  get apiBase(): string {
    return `http://${this.#host}/api/v10`;
  }

  /** Address for `spec.gatewayUrl`. */
  get gatewayUrl(): string {
    return `ws://${this.#host}`;
  }

  get #host(): string {
    return this.#listener.host;
  }

  async stop(): Promise<void> {
    this.gateway.cut();
    await this.#listener.stop();
  }

  /** A new id of now. */
  snowflake(): string {
    return String(((BigInt(Date.now()) - epochMs) << 22n) | (this.#next++ & 0x3f_ffffn));
  }

  /** A file as a message carries it; its address is good for so many milliseconds. */
  attachmentOf(file: { bytes: Uint8Array; name?: string; mimeType?: string }, lifeMs = 86_400_000): Json {
    return this.files.attachmentOf(file, { id: this.snowflake(), lifeMs });
  }

  /** A message as the gateway carries it. */
  messageOf({ channelId, text, userId = '500000000000000007', guildId, extra }: DiscordUserMessage): Json {
    return {
      id: this.snowflake(),
      channel_id: channelId,
      ...(guildId === undefined ? {} : { guild_id: guildId }),
      author: { id: userId, username: `user${userId}`, global_name: `User ${userId.slice(-2)}` },
      type: 0,
      content: text,
      timestamp: new Date().toISOString(),
      mentions: [],
      attachments: [],
      ...extra,
    };
  }

  /** Somebody writes where the bot can read it. Returns the message. */
  userSays(message: DiscordUserMessage): Json {
    const sent = this.messageOf(message);
    this.gateway.dispatch('MESSAGE_CREATE', sent);
    return sent;
  }

  /** An interaction as Discord sends it; its token is known to this server from now on. */
  interactionOf(
    type: number,
    data: Json,
    more: Json & { channel_id?: string } = {},
  ): Json & { id: string; token: string } {
    const id = this.snowflake();
    const token = `interaction-token-${id}`;
    const channelId = more.channel_id ?? '700000000000000001';
    this.#tokens.set(token, { id, channelId, open: false });
    return {
      id,
      application_id: this.applicationId,
      type,
      token,
      version: 1,
      channel_id: channelId,
      user: { id: '500000000000000007', username: 'ada', global_name: 'Ada' },
      authorizing_integration_owners: { '0': '0' },
      context: 1,
      data,
      ...more,
    };
  }

  /** A call with Discord's signature over body and time. */
  signed(body: string, atSeconds = Math.floor(Date.now() / 1000)): SignedCall {
    const timestamp = String(atSeconds);
    const signature = sign(null, Buffer.from(timestamp + body), this.#privateKey).toString('hex');
    return {
      body,
      headers: {
        'content-type': 'application/json',
        'x-signature-ed25519': signature,
        'x-signature-timestamp': timestamp,
      },
    };
  }

  /** Calls the interactions endpoint and shows what its answer shows. Returns status and body. */
  async call(interaction: Json): Promise<{ status: number; body: Json }> {
    if (this.interactionsUrl === undefined) throw new Error('interactionsUrl is not set');
    const { body, headers } = this.signed(JSON.stringify(interaction));
    const response = await fetch(this.interactionsUrl, { method: 'POST', headers, body });
    const text = await response.text();
    const answer = text === '' ? {} : (JSON.parse(text) as Json);
    this.acknowledge(interaction, response.status, answer);
    return { status: response.status, body: answer };
  }

  /** Somebody presses a button below a message of the bot. */
  pressOf(message: DiscordMessage, button: string, userId: string): Json & { id: string; token: string } {
    const data = message.buttons.find((one) => one.text === button)?.data;
    if (data === undefined) throw new Error(`there is no button "${button}" below message ${message.id}`);
    return this.interactionOf(
      3,
      { component_type: 2, custom_id: data },
      { channel_id: message.channelId, message: { id: message.id }, user: { id: userId, username: 'ada' } },
    );
  }

  /** Somebody deletes a message of the bot. */
  userDeletes(id: string): void {
    const at = this.messages.findIndex((one) => one.id === id);
    this.messages.splice(at, 1);
  }

  /** Fifteen minutes are over. */
  expireTokens(): void {
    this.#tokens.clear();
  }

  protected nameOf({ name }: Call): string {
    return name;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').replace(/^\/api\/v10/, '');
    const name = `${request.method ?? ''} ${discordCallName(path)}`;
    if (request.method === 'GET' && path.startsWith('/attachments/')) {
      this.files.serveAddress(path, response);
      this.watch.look();
      return;
    }
    const body = await readCall(request);
    const byToken = /^\/(?:webhooks|interactions)\//.test(path);
    if (!byToken && request.headers.authorization !== `Bot ${this.token}`) {
      reply(response, { status: 401, body: { message: '401: Unauthorized', code: 0 } });
      return;
    }
    this.calls.push({ name, path, body });
    await this.faults.meet<Answer>(name, request, {
      act: () => this.#answer(name, path, body),
      refuse: refusalOf,
      reply: (answer) => reply(response, answer),
    });
    this.watch.look();
  }

  #answer(name: string, path: string, body: Json): Answer {
    const parts = path.split(/[/?]/);
    const id = parts[2] ?? '';
    switch (name) {
      case 'GET /applications/@me':
        return ok({
          id: this.applicationId,
          verify_key: this.publicKey,
          interactions_endpoint_url: this.interactionsUrl ?? null,
          bot: { id: this.applicationId },
        });
      case 'GET /gateway/bot':
        return ok({
          url: this.gatewayUrl,
          shards: 1,
          session_start_limit: { total: 1000, remaining: 999, reset_after: 0, max_concurrency: 1 },
        });
      case 'GET /channels/:id':
        return this.channels.has(id) ? ok(this.channels.get(id)) : ok({ id, type: 0 });
      case 'GET /guilds/:id/roles':
        return ok([{ id: `6${this.applicationId.slice(1)}`, tags: { bot_id: this.applicationId } }]);
      case 'POST /applications/:id/commands':
        this.commands.set(String(body['name']), body);
        return ok(body);
      case 'POST /attachments/refresh-urls':
        return ok(this.files.renew(body));
      case 'POST /users/@me/channels':
        return ok({ id: `8${String(body['recipient_id']).slice(1)}`, type: 1 });
      case 'POST /channels/:id/typing':
        return { status: 204, body: undefined };
      case 'POST /channels/:id/messages':
        return this.#send(id, body);
      case 'PATCH /channels/:id/messages/:id':
        return this.#edit(parts[4] ?? '', body);
      case 'POST /interactions/:id/:token/callback':
        return this.#callback(id, parts[3] ?? '', body);
      case 'PATCH /webhooks/:id/:token/messages/@original':
        return this.#editOriginal(parts[3] ?? '', body);
      case 'POST /webhooks/:id/:token':
        return this.#followUp(parts[3] ?? '', body);
      default:
        return { status: 404, body: { message: '404: Not Found', code: 0 } };
    }
  }

  #send(channelId: string, body: Json): Answer {
    const nonce = typeof body['nonce'] === 'string' ? body['nonce'] : undefined;
    if (nonce !== undefined && nonce.length > 25)
      return { status: 400, body: { message: 'nonce too long', code: 50_035 } };
    const known = this.messages.find(
      (one) => nonce !== undefined && one.nonce === nonce && one.channelId === channelId,
    );
    if (known !== undefined && body['enforce_nonce'] === true) return ok({ id: known.id });
    return this.#show(channelId, 'channel', body);
  }

  #callback(id: string, token: string, body: Json): Answer {
    const known = this.#tokens.get(token);
    if (known === undefined) return { status: 404, body: { message: 'Unknown interaction', code: 10_062 } };
    if (known.open) return { status: 400, body: { message: 'already acknowledged', code: 40_060 } };
    this.acknowledge({ id, token }, 204, body);
    return { status: 204, body: undefined };
  }

  /** Shows what an answer to an interaction shows; from then on its token can be used. */
  acknowledge(interaction: Json, status: number, body: Json): void {
    this.acknowledgements.push({ id: String(interaction['id']), status, body });
    const known = this.#tokens.get(String(interaction['token']));
    if (known !== undefined && status < 300) {
      known.open = true;
      if (body['type'] === 4) this.#show(known.channelId, 'reply', (body['data'] ?? {}) as Json);
      if (body['type'] === deferred) this.#deferredFlags.set(known.id, (body['data'] ?? {}) as Json);
    }
    this.watch.look();
  }

  #editOriginal(token: string, body: Json): Answer {
    const known = this.#tokens.get(token);
    if (known === undefined || !known.open)
      return { status: 404, body: { message: 'Unknown Webhook', code: 10_015 } };
    if (known.original === undefined) {
      const flags = this.#deferredFlags.get(known.id)?.['flags'];
      const answer = this.#show(known.channelId, 'original', { ...body, flags });
      if (answer.status === 200) {
        const original = this.messages.at(-1);
        if (original !== undefined) known.original = original;
      }
      return answer;
    }
    return this.#change(known.original, body);
  }

  #edit(id: string, body: Json): Answer {
    const message = this.messages.find((one) => one.id === id);
    if (message === undefined) return { status: 404, body: { message: 'Unknown Message', code: 10_008 } };
    return this.#change(message, body);
  }

  #change(message: DiscordMessage, body: Json): Answer {
    const source = String(body['content']);
    if (source.length > 2000) return { status: 400, body: { message: 'Invalid Form Body', code: 50_035 } };
    Object.assign(message, {
      source,
      text: readDiscordMarkdown(source),
      earlier: [...message.earlier, message.text],
      ...(body['components'] === undefined ? {} : { buttons: buttonsOf(body['components']) }),
    });
    return ok({ id: message.id });
  }

  #followUp(token: string, body: Json): Answer {
    const known = this.#tokens.get(token);
    if (known === undefined || !known.open)
      return { status: 404, body: { message: 'Unknown Webhook', code: 10_015 } };
    return this.#show(known.channelId, 'follow-up', body);
  }

  #show(channelId: string, via: DiscordMessage['via'], body: Json): Answer {
    const source = typeof body['content'] === 'string' ? body['content'] : '';
    const file = body['file'] as FormFileSent | undefined;
    if ((file?.bytes.length ?? 0) > mostUpload)
      return { status: 413, body: { message: 'Request entity too large', code: 40_005 } };
    if (source.trim() === '' && file === undefined)
      return { status: 400, body: { message: 'Cannot send an empty message', code: 50_006 } };
    if (source.length > 2000) return { status: 400, body: { message: 'Invalid Form Body', code: 50_035 } };
    const reference = body['message_reference'] as { message_id?: string } | undefined;
    const message: DiscordMessage = {
      id: this.snowflake(),
      channelId,
      text: readDiscordMarkdown(source),
      source,
      via,
      ephemeral: (Number(body['flags'] ?? 0) & ephemeralFlag) !== 0,
      replyTo: reference?.message_id,
      nonce: body['nonce'] as string | undefined,
      body,
      buttons: buttonsOf(body['components']),
      earlier: [],
      ...(file === undefined ? {} : { file }),
    };
    this.messages.push(message);
    this.watch.look();
    return ok({ id: message.id, channel_id: channelId });
  }
}

function refusalOf(fault: Extract<DiscordFault, { kind: 'error' | 'rate-limit' }>): Answer {
  if (fault.kind === 'error') {
    const { status, code = 0, message = `${status}: error` } = fault;
    return { status, body: { message, code } };
  }
  const { retryAfterSeconds, global = false } = fault;
  const told = { message: 'You are being rate limited.', retry_after: retryAfterSeconds, global };
  return { status: 429, body: told, headers: { 'retry-after': String(retryAfterSeconds) } };
}
