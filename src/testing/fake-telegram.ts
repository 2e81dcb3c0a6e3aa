import type { IncomingMessage, ServerResponse } from 'node:http';
import { FakeListener } from './fake-listener.ts';
import { FakePlatform } from './fake-platform.ts';
import type { CommonFault } from './fault-list.ts';
import { FileShelf } from './file-shelf.ts';
import { parametersOf, readBody } from './read-parameters.ts';
import { TelegramChats, type SentMessage, type ShownDraft } from './telegram-chats.ts';
import { fileMessage, pathOfFile, type UserFile } from './telegram-files.ts';
import { replyTo, type TelegramAnswer, type TelegramParameters } from './telegram-wire.ts';

export type { SentMessage, ShownDraft } from './telegram-chats.ts';

/** What goes wrong with the next calls of a method. `cut-*`: the connection breaks before or after the call took effect. */
export type TelegramFault =
  | CommonFault
  | { readonly kind: 'error'; readonly status: number; readonly description: string };

/** What a person does; anything of Telegram's message object can be given in `extra`. */
export interface UserMessage {
  readonly chatId: number;
  readonly text?: string;
  readonly userId?: number;
  readonly firstName?: string;
  readonly chatType?: 'private' | 'group' | 'supergroup';
  readonly extra?: Readonly<Record<string, unknown>>;
}

interface Call {
  readonly method: string;
  readonly parameters: TelegramParameters;
}

const webhookRetryMs = 50;
const newMethods = ['sendMessageDraft', 'sendRichMessage', 'sendRichMessageDraft'];

/** A Bot API on loopback for one bot: give `apiBase` and `token` to a channel, let users write, read what the bot sent. */
export class FakeTelegram extends FakePlatform<Call, SentMessage, TelegramFault> {
  readonly token: string;
  readonly botId: string;
  readonly username: string;
  /** What people have sent; its downloads can be made to fail. */
  readonly files = new FileShelf();
  webhook: { readonly url: string; readonly secret: string | undefined } | undefined;
  readonly #listener: FakeListener;
  readonly #chats = new TelegramChats();
  #updates: Readonly<Record<string, unknown>>[] = [];
  #all: Readonly<Record<string, unknown>>[] = [];
  #nextUpdate = 1000;
  readonly #missing: ReadonlySet<string>;
  #allowed: readonly string[] | undefined;
  #poll: ((answer: TelegramAnswer | undefined) => void) | undefined;
  #webhookTimer: NodeJS.Timeout | undefined;
  #posting = false;

  private constructor(options: {
    token: string;
    username: string;
    listener: FakeListener;
    missing: readonly string[];
  }) {
    super();
    this.#missing = new Set(options.missing);
    this.token = options.token;
    this.username = options.username;
    this.botId = options.token.split(':')[0] ?? '';
    this.#listener = options.listener;
    this.#listener.server.on('request', (request, response) => void this.#serve(request, response));
  }

  /** Listens alone unless it is given its part of a shared server. `isOld`: one without drafts and rich messages. */
  static async start(
    options: { token?: string; username?: string; isOld?: boolean; listener?: FakeListener } = {},
  ): Promise<FakeTelegram> {
    return new FakeTelegram({
      missing: options.isOld === true ? newMethods : [],
      token: options.token ?? '4242:fake-telegram-token',
      username: options.username ?? 'agent33_bot',
      listener: options.listener ?? (await FakeListener.alone()),
    });
  }

  get messages(): SentMessage[] {
    return this.#chats.messages;
  }

  /** Every state of every draft. */
  get drafts(): readonly ShownDraft[] {
    return this.#chats.drafts;
  }

  /** Address for `spec.apiBase`. */
  get apiBase(): string {
    return `http://${this.#listener.host}`;
  }

  async stop(): Promise<void> {
    clearTimeout(this.#webhookTimer);
    this.#poll?.({ result: [] });
    await this.#listener.stop();
  }

  /** Somebody writes to the bot. Returns the update's id. */
  userSays(message: UserMessage): number {
    return this.sendUpdate(this.updateOf(message));
  }

  /** What Telegram makes of a message, without its number and without sending it. */
  updateOf(message: UserMessage): Readonly<Record<string, unknown>> {
    const userId = message.userId ?? message.chatId;
    return {
      message: {
        message_id: this.#chats.nextMessageId(),
        date: 1_767_225_600,
        chat: {
          id: message.chatId,
          type: message.chatType ?? (message.chatId < 0 ? 'supergroup' : 'private'),
        },
        from: { id: userId, is_bot: false, first_name: message.firstName ?? `User ${userId}` },
        ...(message.text === undefined ? {} : { text: message.text }),
        ...message.extra,
      },
    };
  }

  /** Somebody sends a file. Returns the update's id. */
  userSendsFile(file: UserFile): number {
    return this.userSays({ chatId: file.chatId, extra: fileMessage(this.files, file) });
  }

  /** Somebody presses a button below a message of the bot. */
  userPresses(message: SentMessage, button: string, userId: number): number {
    const data = message.buttons.find((one) => one.text === button)?.data;
    if (data === undefined)
      throw new Error(`there is no button "${button}" below message ${message.messageId}`);
    const chatId = Number(message.chatId);
    return this.sendUpdate({
      callback_query: {
        id: `press-${this.#nextUpdate}`,
        from: { id: userId, is_bot: false, first_name: `User ${userId}` },
        message: {
          message_id: message.messageId,
          date: 1_767_225_600,
          chat: { id: chatId, type: chatId < 0 ? 'supergroup' : 'private' },
        },
        data,
      },
    });
  }

  /** Somebody presses the button below a draft. */
  userStops(draft: ShownDraft): number {
    return this.sendUpdate({
      stopped_message_generation: {
        chat: { id: Number(draft.chatId), type: 'private' },
        ...(draft.threadId === undefined ? {} : { message_thread_id: draft.threadId }),
        draft_id: draft.draftId,
      },
    });
  }

  /** Somebody deletes a message of the bot. */
  userDeletes(messageId: number): void {
    this.messages.splice(
      this.messages.findIndex((one) => one.messageId === messageId),
      1,
    );
  }

  /** A group becomes a supergroup: from now on its old id is refused. */
  migrate(chatId: number, newChatId: number): void {
    this.#chats.migrated.set(String(chatId), newChatId);
  }

  /** Any update; `update_id` is added. Kinds that the bot has not asked for do not reach it. */
  sendUpdate(update: Readonly<Record<string, unknown>>): number {
    const complete = this.numbered(update);
    const id = complete.update_id;
    const [kind = ''] = Object.keys(update);
    if (this.#allowed !== undefined && !this.#allowed.includes(kind)) return id;
    this.#all.push(complete);
    this.#updates.push(complete);
    this.#poll?.(undefined);
    void this.#postUpdates();
    return id;
  }

  /** An update with its number, not sent. */
  numbered(update: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> & {
    readonly update_id: number;
  } {
    return { update_id: this.#nextUpdate++, ...update };
  }

  /** Sends every update so far again, as Telegram does after a lost confirmation. */
  redeliver(): void {
    this.#updates = [...this.#all];
    this.#poll?.(undefined);
    void this.#postUpdates();
  }

  /** Updates that the bot has not confirmed yet. */
  get unconfirmed(): number {
    return this.#updates.length;
  }

  /** The person behind a chat has blocked the bot. */
  block(chatId: number): void {
    this.#chats.blocked.add(String(chatId));
  }

  /** Resolves when the bot has confirmed every update. */
  waitUntilConfirmed(timeoutMs = 10_000): Promise<void> {
    return this.waitUntil(() => this.#updates.length === 0, 'confirmation of all updates', timeoutMs);
  }

  protected nameOf({ method }: Call): string {
    return method;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').split('/');
    const method = path[2] ?? '';
    if (path[1] === 'file') {
      if (path[2] === `bot${this.token}`) this.files.serve(path[4] ?? '', response);
      else replyTo(response, { status: 401, description: 'Unauthorized' });
      this.watch.look();
      return;
    }
    const parameters = parametersOf(request, await readBody(request));
    if (path[1] !== `bot${this.token}`) {
      replyTo(response, { status: 401, description: 'Unauthorized' });
      return;
    }
    this.calls.push({ method, parameters });
    await this.faults.meet<TelegramAnswer>(method, request, {
      act: () => this.#answer(method, parameters, request),
      refuse: (fault) =>
        fault.kind === 'error'
          ? fault
          : {
              status: 429,
              description: `Too Many Requests: retry after ${fault.retryAfterSeconds}`,
              retryAfter: fault.retryAfterSeconds,
            },
      reply: (answer) => replyTo(response, answer),
    });
    this.watch.look();
  }

  async #answer(
    method: string,
    parameters: TelegramParameters,
    request: IncomingMessage,
  ): Promise<TelegramAnswer> {
    if (this.#missing.has(method)) return { status: 404, description: 'Not Found' };
    switch (method) {
      case 'getMe':
        return {
          result: { id: Number(this.botId), is_bot: true, first_name: 'Fake', username: this.username },
        };
      case 'getUpdates':
        return this.#getUpdates(parameters, request);
      case 'setWebhook':
        this.#allowed = parameters['allowed_updates'] as readonly string[] | undefined;
        this.webhook = {
          url: String(parameters['url']),
          secret: parameters['secret_token'] as string | undefined,
        };
        void this.#postUpdates();
        return { result: true };
      case 'deleteWebhook':
        this.webhook = undefined;
        return { result: true };
      case 'sendMessage':
      case 'sendRichMessage':
        return this.#chats.send(parameters);
      case 'getFile':
        return pathOfFile(this.files, String(parameters['file_id']));
      case 'sendDocument':
      case 'sendPhoto':
        return this.#chats.sendFile(parameters);
      case 'editMessageText':
        return this.#chats.edit(parameters);
      case 'sendMessageDraft':
      case 'sendRichMessageDraft':
        return this.#chats.showDraft(parameters);
      case 'sendChatAction':
      case 'answerCallbackQuery':
      case 'setMyCommands':
        return this.#chats.refusal(parameters) ?? { result: true };
      default:
        return { status: 404, description: 'Not Found' };
    }
  }

  async #getUpdates(parameters: TelegramParameters, request: IncomingMessage): Promise<TelegramAnswer> {
    if (this.webhook !== undefined) {
      return { status: 409, description: "Conflict: can't use getUpdates method while webhook is active" };
    }
    this.#poll?.({
      status: 409,
      description:
        'Conflict: terminated by other getUpdates request; make sure that only one bot instance is running',
    });
    this.#allowed = (parameters['allowed_updates'] as readonly string[] | undefined) ?? this.#allowed;
    const offset = Number(parameters['offset'] ?? 0);
    this.#updates = this.#updates.filter((update) => Number(update['update_id']) >= offset);
    this.watch.look();
    if (this.#updates.length === 0) {
      const ended = await this.#nextPollEnd(Number(parameters['timeout'] ?? 0) * 1000, request);
      if (ended !== undefined) return ended;
    }
    return { result: this.#updates.slice(0, Number(parameters['limit'] ?? 100)) };
  }

  /** Holds a poll until an update comes, time is up, the caller goes away or another poll takes its place. */
  #nextPollEnd(timeoutMs: number, request: IncomingMessage): Promise<TelegramAnswer | undefined> {
    return new Promise((resolve) => {
      const end = (answer: TelegramAnswer | undefined): void => {
        clearTimeout(timer);
        request.socket.off('close', onClose);
        if (this.#poll === end) this.#poll = undefined;
        resolve(answer);
      };
      const timer = setTimeout(() => end(undefined), timeoutMs);
      const onClose = (): void => end({ result: [] });
      request.socket.once('close', onClose);
      this.#poll = end;
    });
  }

  /** Posts waiting updates to the webhook, in order; one that is not answered with 2xx is posted again. */
  async #postUpdates(): Promise<void> {
    if (this.webhook === undefined || this.#posting) return;
    this.#posting = true;
    clearTimeout(this.#webhookTimer);
    try {
      for (
        let update = this.#updates[0];
        update !== undefined && this.webhook !== undefined;
        update = this.#updates[0]
      ) {
        const { url, secret } = this.webhook;
        const response = await fetch(url, {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            ...(secret === undefined ? {} : { 'x-telegram-bot-api-secret-token': secret }),
          },
          body: JSON.stringify(update),
        });
        if (!response.ok) throw new Error(`webhook answered ${response.status}`);
        this.#updates.shift();
        this.watch.look();
      }
    } catch {
      this.#webhookTimer = setTimeout(() => void this.#postUpdates(), webhookRetryMs);
    } finally {
      this.#posting = false;
    }
  }
}
