import type { IncomingMessage, ServerResponse } from 'node:http';
import { FakeListener } from './fake-listener.ts';
import { deliverUntilAcknowledged } from './deliver-until-acknowledged.ts';
import { FakePlatform } from './fake-platform.ts';
import type { CommonFault } from './fault-list.ts';
import { acceptWebSockets, type FakeSocket } from './fake-web-socket-server.ts';
import {
  signedSlackHeaders,
  slackEvent,
  slackMessageEvents,
  type SlackUserMessage,
} from './slack-payloads.ts';
import { parametersOf, readBody } from './read-parameters.ts';
import { streamSlackPost, updateSlackPost, type SlackAnswer as Answer } from './slack-changes.ts';
import { SlackFiles } from './slack-files.ts';
import { readSlackPost, type SentSlackMessage } from './slack-post.ts';

/** What goes wrong with the next calls of a method. `cut-*`: the connection breaks before or after the call took effect. */
export type SlackFault =
  | CommonFault
  | { readonly kind: 'error'; readonly error: string; readonly status?: number };

interface Call {
  readonly method: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** An envelope or form on its way to the app. */
interface Outgoing {
  readonly kind: 'events_api' | 'slash_commands' | 'interactive';
  readonly payload: Readonly<Record<string, unknown>>;
}

/** What the app answered to one delivery. `status` 0: nothing in time. */
export interface SlackDelivery {
  readonly kind: Outgoing['kind'];
  readonly attempt: number;
  readonly status: number;
  readonly body: string;
}

/** Slack on loopback for one app: give `apiBase` and the tokens to a channel, let people write, read what was posted. */
export class FakeSlack extends FakePlatform<Call, SentSlackMessage, SlackFault> {
  readonly botToken = 'xoxb-1111-2222-fake-bot-token';
  readonly appToken = 'xapp-1-A1-3333-fake-app-token';
  readonly signingSecret = 'fake-signing-secret';
  readonly teamId = 'T1';
  readonly appId = 'A1';
  readonly botUserId = 'UBOT';
  readonly botId = 'BBOT';
  readonly messages: SentSlackMessage[] = [];
  readonly deliveries: SlackDelivery[] = [];
  /** What people have sent; its downloads can be made to fail. */
  readonly files = new SlackFiles(() => this.#host, this.botToken);
  /** Where events are posted; without it they go to the sockets. */
  eventsUrl: string | undefined;
  /** Waits before the repetitions of an event that was not acknowledged. */
  retryDelaysMs: readonly number[] = [0, 60_000, 300_000];
  /** How long an acknowledgement may take. */
  ackTimeoutMs = 3000;
  /** Whether a message with a `client_msg_id` that is known is posted once. */
  knowsMessageIds = true;
  /** Whether the app may stream messages. */
  hasStreams = true;
  readonly #listener: FakeListener;
  readonly #sockets = new Set<FakeSocket>();
  readonly #acks = new Map<string, (payload: unknown) => void>();
  readonly #stopped = new AbortController();
  #next = 1;

  private constructor(listener: FakeListener) {
    super();
    this.#listener = listener;
    listener.server.on('request', (request, response) => void this.#serve(request, response));
    acceptWebSockets(listener.server, (socket) => this.#greet(socket));
  }

  /** Listens alone unless it is given its part of a shared server. */
  static async start(options: { listener?: FakeListener } = {}): Promise<FakeSlack> {
    return new FakeSlack(options.listener ?? (await FakeListener.alone()));
  }

  /** Address for `spec.apiBase`. */
  get apiBase(): string {
    return `http://${this.#host}/api`;
  }

  get #host(): string {
    return this.#listener.host;
  }

  /** Open sessions of Socket Mode. */
  get connections(): number {
    return this.#sockets.size;
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.cutSockets();
    await this.#listener.stop();
  }

  /** Somebody writes. Returns the message's `ts`; resolves when Slack is done with its events. */
  async userSays(message: SlackUserMessage): Promise<string> {
    const ts = this.nextTs();
    const events = slackMessageEvents(this, ts, message);
    await Promise.all(events.map((event) => this.sendEvent(event)));
    return ts;
  }

  /** Any event; its envelope is added. */
  sendEvent(event: Readonly<Record<string, unknown>>, eventId = `Ev${this.#next++}`): Promise<SlackDelivery> {
    return this.deliver({ kind: 'events_api', payload: slackEvent(this, eventId, event) });
  }

  /** Somebody sends a slash command. */
  userCommands(options: { channel: string; user?: string; command?: string; text?: string }) {
    const { channel, user = 'U7', command = '/agent33', text = '' } = options;
    const payload = {
      token: 'outdated-verification-token',
      team_id: this.teamId,
      team_domain: 'fake',
      channel_id: channel,
      channel_name: channel.startsWith('D') ? 'directmessage' : 'general',
      user_id: user,
      user_name: `name of ${user}`,
      command,
      text,
      api_app_id: this.appId,
      is_enterprise_install: 'false',
      response_url: `http://${this.#host}/response/${this.#next}`,
      trigger_id: `trigger.${this.#next++}`,
    };
    return this.deliver({ kind: 'slash_commands', payload });
  }

  /** Somebody presses a button below a message of the bot. */
  userPresses(message: SentSlackMessage, button: string, user: string): Promise<SlackDelivery> {
    const pressed = message.buttons.find((one) => one.text === button);
    if (pressed === undefined) throw new Error(`there is no button "${button}" below message ${message.ts}`);
    const thread = message.threadTs === undefined ? {} : { thread_ts: message.threadTs };
    const payload = {
      type: 'block_actions',
      user: { id: user, username: `name of ${user}`, team_id: this.teamId },
      api_app_id: this.appId,
      token: 'outdated-verification-token',
      container: { type: 'message', message_ts: message.ts, channel_id: message.channel, ...thread },
      trigger_id: `trigger.${this.#next++}`,
      team: { id: this.teamId, domain: 'fake' },
      channel: { id: message.channel, name: message.channel.startsWith('D') ? 'directmessage' : 'general' },
      message: { type: 'message', ts: message.ts, ...thread },
      actions: [
        { action_id: pressed.actionId, type: 'button', value: pressed.value, action_ts: this.nextTs() },
      ],
    };
    return this.deliver({ kind: 'interactive', payload });
  }

  /** Delivers until the app acknowledges, with Slack's repetitions for events. Returns the last answer. */
  deliver(outgoing: Outgoing): Promise<SlackDelivery> {
    return deliverUntilAcknowledged((attempt) => this.deliverOnce(outgoing, attempt), {
      waitsMs: outgoing.kind === 'events_api' ? this.retryDelaysMs : [],
      signal: this.#stopped.signal,
    });
  }

  async deliverOnce(outgoing: Outgoing, attempt = 0): Promise<SlackDelivery> {
    const answer = await (this.eventsUrl === undefined
      ? this.#overSocket(outgoing, attempt)
      : this.#overHttp(this.eventsUrl, outgoing, attempt));
    const delivery = { kind: outgoing.kind, attempt, ...answer };
    this.deliveries.push(delivery);
    this.watch.look();
    return delivery;
  }

  /** Asks every session to be replaced, or tells that Socket Mode is switched off. */
  askToLeave(reason: 'warning' | 'refresh_requested' | 'link_disabled'): void {
    for (const socket of this.#sockets) socket.send(JSON.stringify({ type: 'disconnect', reason }));
  }

  /** Pings every session, as Slack does every few seconds. */
  pingSockets(): void {
    for (const socket of this.#sockets) socket.ping();
  }

  /** Breaks every session without a goodbye. */
  cutSockets(): void {
    for (const socket of this.#sockets) socket.cut();
  }

  protected nameOf({ method }: Call): string {
    return method;
  }

  nextTs(): string {
    return `1767225600.${String(this.#next++).padStart(6, '0')}`;
  }

  #greet(socket: FakeSocket): void {
    this.#sockets.add(socket);
    socket.onClose = () => {
      this.#sockets.delete(socket);
      this.watch.look();
    };
    socket.onMessage = (text) => {
      const { envelope_id: id, payload } = JSON.parse(text) as { envelope_id?: string; payload?: unknown };
      this.#acks.get(id ?? '')?.(payload);
    };
    const connectionInfo = { app_id: this.appId };
    socket.send(
      JSON.stringify({ type: 'hello', num_connections: this.#sockets.size, connection_info: connectionInfo }),
    );
    this.watch.look();
  }

  /** One of the open sessions gets it, as in Slack at random; here the youngest. */
  #overSocket({ kind, payload }: Outgoing, attempt: number): Promise<{ status: number; body: string }> {
    const socket = [...this.#sockets].at(-1);
    if (socket === undefined) return Promise.resolve({ status: 0, body: '' });
    const id = `envelope-${this.#next++}`;
    return new Promise((resolve) => {
      const finish = (answer: { status: number; body: string }): void => {
        clearTimeout(timer);
        this.#acks.delete(id);
        resolve(answer);
      };
      const timer = setTimeout(() => finish({ status: 0, body: '' }), this.ackTimeoutMs);
      this.#acks.set(id, (given) => finish({ status: 200, body: JSON.stringify(given) ?? '' }));
      const retry = { retry_attempt: attempt, retry_reason: attempt === 0 ? '' : 'timeout' };
      const accepts = { accepts_response_payload: kind !== 'events_api' };
      socket.send(JSON.stringify({ type: kind, envelope_id: id, payload, ...accepts, ...retry }));
    });
  }

  async #overHttp(
    url: string,
    { kind, payload }: Outgoing,
    attempt: number,
  ): Promise<{ status: number; body: string }> {
    const isJson = kind === 'events_api';
    const fields = kind === 'interactive' ? { payload: JSON.stringify(payload) } : payload;
    const body = isJson
      ? JSON.stringify(payload)
      : new URLSearchParams(fields as Record<string, string>).toString();
    const contentType = isJson ? 'application/json' : 'application/x-www-form-urlencoded';
    const retry = { 'x-slack-retry-num': String(attempt), 'x-slack-retry-reason': 'http_timeout' };
    const headers = signedSlackHeaders(this.signingSecret, body, { nowMs: Date.now(), contentType });
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { ...headers, ...(attempt === 0 ? {} : retry) },
        body,
        signal: AbortSignal.any([AbortSignal.timeout(this.ackTimeoutMs), this.#stopped.signal]),
      });
      return { status: response.status, body: await response.text() };
    } catch {
      return { status: 0, body: '' };
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, folder, name = ''] = (request.url ?? '').split('/');
    if (folder === 'files-pri') {
      this.files.download(name, request, response);
      this.watch.look();
      return;
    }
    const body = await readBody(request);
    if (folder === 'upload') {
      this.files.upload(name, body, response);
      return;
    }
    const method = name;
    const parameters = parametersOf(request, body);
    const wanted = method === 'apps.connections.open' ? this.appToken : this.botToken;
    if (request.headers.authorization !== `Bearer ${wanted}`) {
      reply(response, { error: 'invalid_auth' });
      return;
    }
    this.calls.push({ method, parameters });
    await this.faults.meet<Answer>(method, request, {
      act: () => this.#answer(method, parameters),
      refuse: (fault) =>
        fault.kind === 'error'
          ? fault
          : { error: 'ratelimited', status: 429, retryAfter: fault.retryAfterSeconds },
      reply: (answer) => reply(response, answer),
    });
    this.watch.look();
  }

  #answer(method: string, parameters: Call['parameters']): Answer {
    switch (method) {
      case 'auth.test':
        return { result: { team_id: this.teamId, user_id: this.botUserId, bot_id: this.botId } };
      case 'apps.connections.open':
        return { result: { url: `ws://${this.#host}/link?ticket=${this.#next++}` } };
      case 'chat.postMessage':
        return this.#post(parameters);
      case 'chat.update':
        return updateSlackPost(this.messages, parameters);
      case 'chat.startStream':
      case 'chat.appendStream':
      case 'chat.stopStream':
        return this.hasStreams
          ? streamSlackPost(method, parameters, { messages: this.messages, nextTs: () => this.nextTs() })
          : { error: 'feature_not_enabled' };
      case 'files.getUploadURLExternal':
        return this.files.openUpload(parameters);
      case 'files.completeUploadExternal':
        return this.files.share(parameters);
      case 'assistant.threads.setStatus':
        return { result: {} };
      default:
        return { error: 'unknown_method' };
    }
  }

  /** Slack ends every stream, as it does after some minutes. */
  endStreams(): void {
    for (const message of this.messages) Object.assign(message, { isStreaming: false });
  }

  #post(parameters: Call['parameters']): Answer {
    const post = readSlackPost(parameters);
    if ('error' in post) return post;
    const { clientMessageId } = post;
    const earlier =
      this.knowsMessageIds && clientMessageId !== undefined
        ? this.messages.find((message) => message.clientMessageId === clientMessageId)
        : undefined;
    const message = earlier ?? { ts: this.nextTs(), ...post };
    if (earlier === undefined) this.messages.push(message);
    return { result: { channel: message.channel, ts: message.ts } };
  }
}

function reply(response: ServerResponse, answer: Answer): void {
  if (response.destroyed) return;
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if ('error' in answer && answer.retryAfter !== undefined)
    headers['retry-after'] = String(answer.retryAfter);
  response.writeHead('error' in answer ? (answer.status ?? 200) : 200, headers);
  response.end(
    JSON.stringify('error' in answer ? { ok: false, error: answer.error } : { ok: true, ...answer.result }),
  );
}
