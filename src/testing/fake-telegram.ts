import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { FileShelf } from './file-shelf.ts';
import type { FormFileSent } from './read-multipart.ts';
import { parametersOf, readBody } from './read-parameters.ts';
import type { SentMessage, TelegramFault, UserMessage } from './telegram-types.ts';
import { fileMessage, pathOfFile, refusedUpload, type UserFile } from './telegram-files.ts';
import { readTelegramHtml } from './telegram-html.ts';

interface Call {
  readonly method: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

type Answer =
  | { readonly result: unknown }
  | { readonly status: number; readonly description: string; readonly retryAfter?: number };

const webhookRetryMs = 50;

/** A Bot API on loopback for one bot: give `apiBase` and `token` to a channel, let users write, read what the bot sent. */
export class FakeTelegram {
  readonly token: string;
  readonly botId: string;
  readonly username: string;
  readonly calls: Call[] = [];
  readonly messages: SentMessage[] = [];
  /** What people have sent; its downloads can be made to fail. */
  readonly files = new FileShelf();
  webhook: { readonly url: string; readonly secret: string | undefined } | undefined;
  readonly #server: Server;
  #updates: Readonly<Record<string, unknown>>[] = [];
  #all: Readonly<Record<string, unknown>>[] = [];
  #nextUpdate = 1000;
  #nextMessage = 1;
  readonly #faults = new Map<string, TelegramFault[]>();
  readonly #blocked = new Set<string>();
  #poll: ((answer: Answer | undefined) => void) | undefined;
  readonly #watchers = new Set<() => void>();
  #webhookTimer: NodeJS.Timeout | undefined;
  #posting = false;

  private constructor(options: { token: string; username: string }) {
    this.token = options.token;
    this.username = options.username;
    this.botId = options.token.split(':')[0] ?? '';
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  static async start(options: { token?: string; username?: string } = {}): Promise<FakeTelegram> {
    const fake = new FakeTelegram({
      token: options.token ?? '4242:fake-telegram-token',
      username: options.username ?? 'agent33_bot',
    });
    await new Promise<void>((resolve) => {
      fake.#server.listen(0, '127.0.0.1', resolve);
    });
    return fake;
  }

  /** Address for `spec.apiBase`. */
  get apiBase(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    clearTimeout(this.#webhookTimer);
    this.#poll?.({ result: [] });
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  /** Somebody writes to the bot. Returns the update's id. */
  userSays(message: UserMessage): number {
    const userId = message.userId ?? message.chatId;
    return this.sendUpdate({
      message: {
        message_id: this.#nextMessage++,
        date: 1_767_225_600,
        chat: {
          id: message.chatId,
          type: message.chatType ?? (message.chatId < 0 ? 'supergroup' : 'private'),
        },
        from: { id: userId, is_bot: false, first_name: message.firstName ?? `User ${userId}` },
        ...(message.text === undefined ? {} : { text: message.text }),
        ...message.extra,
      },
    });
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

  /** Any update; `update_id` is added. */
  sendUpdate(update: Readonly<Record<string, unknown>>): number {
    const id = this.#nextUpdate++;
    const complete = { update_id: id, ...update };
    this.#all.push(complete);
    this.#updates.push(complete);
    this.#poll?.(undefined);
    void this.#postUpdates();
    return id;
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

  /** The next calls of a method meet these faults, one each. */
  failNext(method: string, ...faults: readonly TelegramFault[]): void {
    this.#faults.set(method, [...(this.#faults.get(method) ?? []), ...faults]);
  }

  /** The person behind a chat has blocked the bot. */
  block(chatId: number): void {
    this.#blocked.add(String(chatId));
  }

  callsOf(method: string): readonly Call[] {
    return this.calls.filter((call) => call.method === method);
  }

  /** Resolves with all messages as soon as there are `count`; fails after `timeoutMs`. */
  async waitForMessages(count: number, timeoutMs = 10_000): Promise<readonly SentMessage[]> {
    await this.waitUntil(() => this.messages.length >= count, `${count} messages`, timeoutMs);
    return this.messages;
  }

  /** Resolves as soon as a method was called `count` times. */
  waitForCalls(method: string, count: number, timeoutMs = 10_000): Promise<void> {
    return this.waitUntil(
      () => this.callsOf(method).length >= count,
      `${count} calls of ${method}`,
      timeoutMs,
    );
  }

  /** Resolves when the bot has confirmed every update. */
  waitUntilConfirmed(timeoutMs = 10_000): Promise<void> {
    return this.waitUntil(() => this.#updates.length === 0, 'confirmation of all updates', timeoutMs);
  }

  /** Looks at each call whether the condition holds now. */
  waitUntil(condition: () => boolean, what: string, timeoutMs = 10_000): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        clearTimeout(timer);
        this.#watchers.delete(look);
      };
      const look = (): void => {
        if (!condition()) return;
        finish();
        resolve();
      };
      const timer = setTimeout(() => {
        finish();
        const seen = this.calls.map((call) => call.method).join(', ');
        reject(new Error(`waited ${timeoutMs} ms for ${what}; calls so far: ${seen}`));
      }, timeoutMs);
      this.#watchers.add(look);
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').split('/');
    const method = path[2] ?? '';
    if (path[1] === 'file') {
      if (path[2] === `bot${this.token}`) this.files.serve(path[4] ?? '', response);
      else reply(response, { status: 401, description: 'Unauthorized' });
      for (const look of this.#watchers) look();
      return;
    }
    const parameters = parametersOf(request, await readBody(request));
    if (path[1] !== `bot${this.token}`) {
      reply(response, { status: 401, description: 'Unauthorized' });
      return;
    }
    this.calls.push({ method, parameters });
    const fault = this.#faults.get(method)?.shift();
    if (fault?.kind === 'cut-before') request.socket.destroy();
    else if (fault?.kind === 'error') reply(response, fault);
    else if (fault?.kind === 'rate-limit') {
      const description = `Too Many Requests: retry after ${fault.retryAfterSeconds}`;
      reply(response, { status: 429, description, retryAfter: fault.retryAfterSeconds });
    } else {
      if (fault?.kind === 'slow') await new Promise((resolve) => setTimeout(resolve, fault.delayMs));
      const answer = await this.#answer(method, parameters, request);
      if (fault?.kind === 'cut-after') request.socket.destroy();
      else reply(response, answer);
    }
    for (const look of this.#watchers) look();
  }

  async #answer(method: string, parameters: Call['parameters'], request: IncomingMessage): Promise<Answer> {
    switch (method) {
      case 'getMe':
        return {
          result: { id: Number(this.botId), is_bot: true, first_name: 'Fake', username: this.username },
        };
      case 'getUpdates':
        return this.#getUpdates(parameters, request);
      case 'setWebhook':
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
        return this.#sendMessage(parameters);
      case 'getFile':
        return pathOfFile(this.files, String(parameters['file_id']));
      case 'sendDocument':
      case 'sendPhoto':
        return this.#sendFile(parameters);
      case 'sendChatAction':
      case 'answerCallbackQuery':
      case 'setMyCommands':
        return this.#refusal(parameters) ?? { result: true };
      default:
        return { status: 404, description: 'Not Found' };
    }
  }

  async #getUpdates(parameters: Call['parameters'], request: IncomingMessage): Promise<Answer> {
    if (this.webhook !== undefined) {
      return { status: 409, description: "Conflict: can't use getUpdates method while webhook is active" };
    }
    this.#poll?.({
      status: 409,
      description:
        'Conflict: terminated by other getUpdates request; make sure that only one bot instance is running',
    });
    const offset = Number(parameters['offset'] ?? 0);
    this.#updates = this.#updates.filter((update) => Number(update['update_id']) >= offset);
    for (const look of this.#watchers) look();
    if (this.#updates.length === 0) {
      const ended = await this.#nextPollEnd(Number(parameters['timeout'] ?? 0) * 1000, request);
      if (ended !== undefined) return ended;
    }
    return { result: this.#updates.slice(0, Number(parameters['limit'] ?? 100)) };
  }

  /** Holds a poll until an update comes, time is up, the caller goes away or another poll takes its place. */
  #nextPollEnd(timeoutMs: number, request: IncomingMessage): Promise<Answer | undefined> {
    return new Promise((resolve) => {
      const end = (answer: Answer | undefined): void => {
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

  #sendMessage(parameters: Call['parameters']): Answer {
    const source = typeof parameters['text'] === 'string' ? parameters['text'] : '';
    const parseMode = parameters['parse_mode'] as string | undefined;
    const read = parseMode === 'HTML' ? readTelegramHtml(source) : { text: source };
    const refusal = this.#refusal(parameters);
    if (refusal !== undefined) return refusal;
    if ('fault' in read)
      return { status: 400, description: `Bad Request: can't parse entities: ${read.fault}` };
    if (read.text.trim() === '') return { status: 400, description: 'Bad Request: message text is empty' };
    if (read.text.length > 4096) return { status: 400, description: 'Bad Request: message is too long' };
    const reply = parameters['reply_parameters'] as { message_id?: number } | undefined;
    const message: SentMessage = {
      messageId: this.#nextMessage++,
      chatId: String(parameters['chat_id']),
      text: read.text,
      source,
      parseMode,
      threadId: parameters['message_thread_id'] as number | undefined,
      replyTo: reply?.message_id,
      buttons: buttonsOf(parameters['reply_markup']),
    };
    this.messages.push(message);
    return {
      result: { message_id: message.messageId, chat: { id: parameters['chat_id'] }, date: 1_767_225_600 },
    };
  }

  #sendFile(parameters: Call['parameters']): Answer {
    const file = parameters['file'] as FormFileSent | undefined;
    const refusal = this.#refusal(parameters) ?? refusedUpload(file?.bytes);
    if (refusal !== undefined) return refusal;
    const message: SentMessage = {
      messageId: this.#nextMessage++,
      chatId: String(parameters['chat_id']),
      text: '',
      source: '',
      parseMode: undefined,
      threadId: parameters['message_thread_id'] as number | undefined,
      replyTo: undefined,
      buttons: [],
      ...(file === undefined ? {} : { file }),
    };
    this.messages.push(message);
    return { result: { message_id: message.messageId, date: 1_767_225_600 } };
  }

  #refusal(parameters: Call['parameters']): Answer | undefined {
    if (!this.#blocked.has(String(parameters['chat_id']))) return undefined;
    return { status: 403, description: 'Forbidden: bot was blocked by the user' };
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
        for (const look of this.#watchers) look();
      }
    } catch {
      this.#webhookTimer = setTimeout(() => void this.#postUpdates(), webhookRetryMs);
    } finally {
      this.#posting = false;
    }
  }
}

function buttonsOf(markup: unknown): SentMessage['buttons'] {
  const rows = (markup as { inline_keyboard?: { text: string; callback_data: string }[][] } | undefined)
    ?.inline_keyboard;
  return (rows ?? []).flat().map(({ text, callback_data: data }) => ({ text, data }));
}

function reply(response: ServerResponse, answer: Answer): void {
  if (response.destroyed) return;
  const body =
    'result' in answer
      ? { ok: true, result: answer.result }
      : {
          ok: false,
          error_code: answer.status,
          description: answer.description,
          ...(answer.retryAfter === undefined ? {} : { parameters: { retry_after: answer.retryAfter } }),
        };
  response.writeHead('result' in answer ? 200 : answer.status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
