import type { IncomingMessage, ServerResponse } from 'node:http';
import { FakeListener } from './fake-listener.ts';
import { deliverUntilAcknowledged } from './deliver-until-acknowledged.ts';
import { FakePlatform } from './fake-platform.ts';
import { FileShelf } from './file-shelf.ts';
import type { FormFileSent } from './read-multipart.ts';
import { parametersOf, readBody } from './read-parameters.ts';
import {
  signedWhatsAppHeaders,
  whatsappCall,
  whatsappMessage,
  whatsappStatus,
  type WhatsAppUserMessage,
} from './whatsapp-payloads.ts';
import { readWhatsAppPost, type SentWhatsAppMessage } from './whatsapp-post.ts';

/** What goes wrong with the next calls. `cut-*`: the connection breaks before or after the call took effect. */
export type WhatsAppFault =
  | {
      readonly kind: 'error';
      readonly code?: number;
      readonly status?: number;
      readonly retryAfterSeconds?: number;
    }
  | { readonly kind: 'slow'; readonly delayMs: number }
  | { readonly kind: 'cut-before' }
  | { readonly kind: 'cut-after' };

/** Calls that faults are for: sending, the sign of reading and typing, the question for the number, files both ways. */
export type WhatsAppAction = 'send' | 'typing' | 'number' | 'media' | 'upload';

interface Call {
  readonly action: WhatsAppAction;
  /** Of the Graph API, such as `v26.0`. */
  readonly version: string;
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** What the webhook answered to one delivery. `status` 0: nothing in time. */
export interface WhatsAppDelivery {
  readonly attempt: number;
  readonly status: number;
}

/** A Graph API on loopback for one phone number: give its ids and `apiBase` to a channel, let people write, read what was sent. */
export class FakeWhatsApp extends FakePlatform<Call, SentWhatsAppMessage, WhatsAppFault, WhatsAppAction> {
  readonly phoneNumberId = '106540352242922';
  readonly businessAccountId = '102290129340398';
  readonly displayPhoneNumber = '15550783881';
  readonly accessToken = 'EAAfake-access-token';
  readonly appSecret = 'fake-app-secret-0123456789abcdef';
  readonly verifyToken = 'fake-verify-token';
  readonly messages: SentWhatsAppMessage[] = [];
  /** Messages that were shown as read. */
  readonly read: string[] = [];
  readonly deliveries: WhatsAppDelivery[] = [];
  /** Where messages and statuses are posted. */
  webhookUrl: string | undefined;
  /** Waits before the repetitions of a call that was not acknowledged. */
  retryDelaysMs: readonly number[] = [0, 1000, 10_000];
  ackTimeoutMs = 10_000;
  /** Whether accepted messages are reported as sent, delivered and read. */
  reportsStatuses = false;
  /** People whose time for free answers is over: refused at once, or accepted and reported as failed. */
  readonly closedWindows = new Map<string, 'refused' | 'fails-later'>();
  /** What people have sent; its downloads can be made to fail. */
  readonly files = new FileShelf();
  readonly #listener: FakeListener;
  readonly #uploads = new Map<string, FormFileSent>();
  readonly #reports = new Set<Promise<unknown>>();
  readonly #stopped = new AbortController();
  #next = 1;

  private constructor(listener: FakeListener) {
    super();
    this.#listener = listener;
    listener.server.on('request', (request, response) => void this.#serve(request, response));
  }

  /** Listens alone unless it is given its part of a shared server. */
  static async start(options: { listener?: FakeListener } = {}): Promise<FakeWhatsApp> {
    return new FakeWhatsApp(options.listener ?? (await FakeListener.alone()));
  }

  /** Address for `spec.apiBase`. */
  get apiBase(): string {
    return `http://${this.#listener.host}`;
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#listener.stop();
    await Promise.allSettled(this.#reports);
  }

  /** Checks an address as Meta does before it takes it; resolves with the answer. */
  async verifyAddress(
    url: string,
    verifyToken = this.verifyToken,
  ): Promise<{ status: number; body: string }> {
    const query = { 'hub.mode': 'subscribe', 'hub.verify_token': verifyToken, 'hub.challenge': '1158201444' };
    const response = await fetch(`${url}?${new URLSearchParams(query).toString()}`);
    return { status: response.status, body: await response.text() };
  }

  /** Somebody writes. Resolves with the message's id when the webhook is done with it. */
  async userSays(message: WhatsAppUserMessage): Promise<string> {
    const [id = ''] = await this.usersSay([message]);
    return id;
  }

  /** Several messages in one call. */
  async usersSay(messages: readonly WhatsAppUserMessage[]): Promise<readonly string[]> {
    const made = messages.map((message) => whatsappMessage(message.id ?? this.nextId(), message));
    const contacts = new Map(made.map(({ contact }) => [JSON.stringify(contact), contact]));
    const all = made.map(({ message }) => message);
    await this.deliver(whatsappCall(this, { contacts: [...contacts.values()], messages: all }));
    return all.map((message) => String(message['id']));
  }

  /** Somebody presses a button below a message, or picks from its list. */
  userPresses(message: SentWhatsAppMessage, title: string, by: WhatsAppUserMessage = {}): Promise<string> {
    const reply = message.buttons.find((one) => one.title === title);
    if (reply === undefined) throw new Error(`there is no button "${title}" below message ${message.id}`);
    const interactive = { type: 'button_reply', button_reply: reply };
    return this.userSays({ ...by, quotes: message.id, extra: { type: 'interactive', interactive } });
  }

  /** Tells what became of a message. */
  reportStatus(message: SentWhatsAppMessage, status: string, errorCode?: number): Promise<WhatsAppDelivery> {
    const more = {
      recipient: message.to,
      callbackData: message.callbackData,
      ...(errorCode === undefined ? {} : { errorCode }),
    };
    return this.deliver(whatsappCall(this, { statuses: [whatsappStatus(message.id, status, more)] }));
  }

  /** Posts a call, signed, until it is acknowledged. Resolves with the last answer. */
  deliver(call: Readonly<Record<string, unknown>>): Promise<WhatsAppDelivery> {
    const body = JSON.stringify(call);
    const once = async (attempt: number): Promise<WhatsAppDelivery> => {
      const delivery = { attempt, status: await this.#post(body) };
      this.deliveries.push(delivery);
      this.watch.look();
      return delivery;
    };
    return deliverUntilAcknowledged(once, { waitsMs: this.retryDelaysMs, signal: this.#stopped.signal });
  }

  protected nameOf({ action }: Call): WhatsAppAction {
    return action;
  }

  nextId(): string {
    return `wamid.${Buffer.from(`fake-${this.#next++}`).toString('base64')}`;
  }

  async #post(body: string): Promise<number> {
    if (this.webhookUrl === undefined) throw new Error('webhookUrl is not set');
    try {
      const response = await fetch(this.webhookUrl, {
        method: 'POST',
        headers: signedWhatsAppHeaders(this.appSecret, body),
        body,
        signal: AbortSignal.any([AbortSignal.timeout(this.ackTimeoutMs), this.#stopped.signal]),
      });
      await response.arrayBuffer();
      return response.status;
    } catch {
      return 0;
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? '/', 'http://fake');
    if (pathname.startsWith('/download/')) {
      const isAllowed = request.headers.authorization === `Bearer ${this.accessToken}`;
      if (isAllowed) this.files.serve(pathname.slice('/download/'.length), response);
      else response.writeHead(401).end();
      this.watch.look();
      return;
    }
    const body = parametersOf(request, await readBody(request));
    if (request.headers.authorization !== `Bearer ${this.accessToken}`) {
      reply(response, refusal({ code: 190, status: 401, details: 'Invalid OAuth access token.' }));
      return;
    }
    const [, version = '', path = ''] = /^\/(?:(v\d+\.\d+)\/)?(.*)$/.exec(pathname) ?? [];
    const action = this.#actionOf(path, body);
    if (action === undefined) {
      reply(response, refusal({ code: 100, details: `Object "${path}" does not exist.` }));
      return;
    }
    this.calls.push({ action, version, path, body });
    await this.faults.meet<Answer>(action, request, {
      act: () => this.#answer(action, path, body),
      refuse: (fault) => refusal({ details: `Details of ${fault.code}`, ...fault }),
      reply: (answer) => reply(response, answer),
    });
    this.watch.look();
  }

  #actionOf(path: string, body: Call['body']): WhatsAppAction | undefined {
    if (path === `${this.phoneNumberId}/messages`) return body['status'] === 'read' ? 'typing' : 'send';
    if (path === this.phoneNumberId) return 'number';
    if (path === `${this.phoneNumberId}/media`) return 'upload';
    return this.files.files.has(path) ? 'media' : undefined;
  }

  #answer(action: WhatsAppAction, path: string, body: Call['body']): Answer {
    if (action === 'send') return this.#send(body);
    if (action === 'typing') {
      this.read.push(String(body['message_id']));
      return ok({ success: true });
    }
    if (action === 'number')
      return ok({ id: this.phoneNumberId, display_phone_number: this.displayPhoneNumber });
    if (action === 'upload') {
      const file = body['file'] as FormFileSent | undefined;
      if (file === undefined || file.bytes.length === 0)
        return refusal({ code: 100, details: 'The file is missing.' });
      const id = String(7_000_000 + this.#next++);
      this.#uploads.set(id, file);
      return ok({ id });
    }
    const media = this.files.files.get(path);
    return ok({
      messaging_product: 'whatsapp',
      id: path,
      url: `${this.apiBase}/download/${path}`,
      mime_type: media?.mimeType,
      file_size: media?.bytes.length,
    });
  }

  #send(body: Call['body']): Answer {
    const post = readWhatsAppPost(body, this.#uploads);
    if ('code' in post) return refusal(post);
    const closed = post.type === 'template' ? undefined : this.closedWindows.get(post.to);
    if (closed === 'refused') return refusal({ code: 131_047, details: 'More than 24 hours have passed.' });
    const message = { id: this.nextId(), ...post };
    if (closed === undefined) this.messages.push(message);
    if (closed !== undefined) this.#report(this.reportStatus(message, 'failed', 131_047));
    else if (this.reportsStatuses)
      for (const status of ['sent', 'delivered', 'read']) this.#report(this.reportStatus(message, status));
    return ok({
      messaging_product: 'whatsapp',
      contacts: [{ input: message.to, wa_id: message.to }],
      messages: [{ id: message.id }],
    });
  }

  #report(report: Promise<unknown>): void {
    this.#reports.add(report);
    void report.finally(() => this.#reports.delete(report));
  }
}

interface Answer {
  readonly status: number;
  /** A text is no JSON. */
  readonly body: object | string;
  readonly retryAfterSeconds?: number | undefined;
}

function ok(body: object): Answer {
  return { status: 200, body };
}

function refusal(given: {
  code?: number;
  status?: number;
  retryAfterSeconds?: number;
  details: string;
}): Answer {
  const { code, status = 400, retryAfterSeconds, details } = given;
  const error = {
    message: `(#${code}) Fake refusal`,
    type: 'OAuthException',
    code,
    error_data: { messaging_product: 'whatsapp', details },
  };
  return { status, body: code === undefined ? 'upstream trouble' : { error }, retryAfterSeconds };
}

function reply(response: ServerResponse, { status, body, retryAfterSeconds: seconds }: Answer): void {
  if (response.destroyed) return;
  response.writeHead(status, {
    'content-type': 'application/json',
    ...(seconds === undefined ? {} : { 'retry-after': String(seconds) }),
  });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}
