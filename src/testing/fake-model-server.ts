import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isJsonObject, tryParseJson, type JsonObject } from '../base/index.ts';
import type { FakeTurn } from './fake-turn.ts';

/** What goes wrong with one call of a model server. `afterPieces` counts streamed parts that still arrive. */
export type ModelServerFault =
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly message?: string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'rate-limit'; readonly retryAfter: string }
  /** The response head comes late. */
  | { readonly kind: 'slow-head'; readonly delayMs: number }
  /** The connection breaks before anything was answered. */
  | { readonly kind: 'reset' }
  | { readonly kind: 'cut'; readonly afterPieces: number }
  /** Something that is neither JSON nor an event. */
  | { readonly kind: 'garbage'; readonly afterPieces: number; readonly text?: string }
  /** Parts without end, one each `everyMs`. */
  | { readonly kind: 'never-ending'; readonly everyMs: number }
  /** The connection stays open, but nothing more comes. */
  | { readonly kind: 'silent'; readonly afterPieces: number }
  /** A page of HTML with status 200. */
  | { readonly kind: 'wrong-content-type' }
  /** The server reports an error in the middle of a stream. */
  | { readonly kind: 'error-event'; readonly afterPieces: number; readonly message: string };

/** A call as the server received it. */
export interface RecordedModelRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The JSON body; empty where there was none. */
  readonly body: JsonObject;
}

/** How one kind of API is spoken. */
export interface ModelApiDialect {
  /** Address of the chat endpoint, or what tells it from others. */
  readonly chatPath: string | RegExp;
  readonly streamType: string;
  /** Parts of a stream that come before the first text. */
  readonly openingPieces: number;
  /** Other addresses: path → JSON body. */
  readonly pages: Readonly<Record<string, JsonObject>>;
  /** Answers of other endpoints that depend on what they are asked; `undefined`: no such address. */
  respond?(path: string, body: JsonObject): JsonObject | undefined;
  wantsStream(body: JsonObject, path: string): boolean;
  /** The streamed answer, cut where a network may cut it. */
  pieces(turn: FakeTurn, model: string, callIds: () => string): readonly (string | Uint8Array)[];
  whole(turn: FakeTurn, model: string, callIds: () => string): JsonObject;
  errorBody(status: number, message: string): JsonObject;
  errorPiece(message: string): string | Uint8Array;
}

const html = '<!doctype html><title>Sign in</title><p>Please sign in to this network.</p>';

/** A model server on loopback that plays scripted turns and faults, and records what it was asked. */
export class FakeModelServer {
  /** Every request so far, in order. */
  readonly requests: RecordedModelRequest[] = [];
  readonly #dialect: ModelApiDialect;
  readonly #server: Server;
  readonly #turns: FakeTurn[] = [];
  readonly #faults: ModelServerFault[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  #callIds = 0;
  #left = 0;
  readonly #leftWatchers = new Set<() => void>();

  private constructor(dialect: ModelApiDialect) {
    this.#dialect = dialect;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  static async start(dialect: ModelApiDialect): Promise<FakeModelServer> {
    const fake = new FakeModelServer(dialect);
    await new Promise<void>((resolve) => {
      fake.#server.listen(0, '127.0.0.1', resolve);
    });
    return fake;
  }

  /** `http://127.0.0.1:PORT`, without a path. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Calls of the chat endpoint only. */
  get chatRequests(): readonly RecordedModelRequest[] {
    return this.requests.filter(({ path }) => this.#isChat(path));
  }

  /** Adds answers to the script; after the last one the text "ok" is answered. */
  reply(...turns: readonly (string | FakeTurn)[]): void {
    this.#turns.push(...turns.map((turn) => (typeof turn === 'string' ? { text: turn } : turn)));
  }

  /** The next chat calls go wrong, one fault each. */
  fail(...faults: readonly ModelServerFault[]): void {
    this.#faults.push(...faults);
  }

  /** Clients that have closed their connection before their answer was complete. */
  get clientsLeft(): number {
    return this.#left;
  }

  /** Resolves once `count` clients have closed their connection before their answer was complete. */
  async untilClientsLeft(count = 1): Promise<void> {
    while (this.#left < count) {
      await new Promise<void>((resolve) => {
        const watcher = (): void => {
          this.#leftWatchers.delete(watcher);
          resolve();
        };
        this.#leftWatchers.add(watcher);
      });
    }
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #isChat(path: string): boolean {
    const { chatPath } = this.#dialect;
    return typeof chatPath === 'string' ? path === chatPath : chatPath.test(path);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('close', () => {
      if (response.writableFinished) return;
      this.#left += 1;
      for (const watcher of this.#leftWatchers) watcher();
    });
    let text = '';
    try {
      for await (const chunk of request.setEncoding('utf8')) text += String(chunk);
    } catch {
      return;
    }
    const body = tryParseJson(text);
    const recorded: RecordedModelRequest = {
      method: request.method ?? '',
      path: new URL(request.url ?? '/', 'http://fake').pathname,
      headers: Object.fromEntries(
        Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
      ),
      body: isJsonObject(body) ? body : {},
    };
    this.requests.push(recorded);
    const page = this.#dialect.pages[recorded.path] ?? this.#dialect.respond?.(recorded.path, recorded.body);
    if (this.#isChat(recorded.path) && recorded.method === 'POST') {
      await this.#chat(recorded, response);
    } else if (page === undefined) this.#json(response, 404, this.#dialect.errorBody(404, 'not found'));
    else this.#json(response, 200, page);
  }

  #json(
    response: ServerResponse,
    status: number,
    body: JsonObject,
    headers: Readonly<Record<string, string>> = {},
  ): void {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  }

  #wait(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        resolve();
      }, milliseconds);
      this.#timers.add(timer);
    });
  }

  async #chat({ body, path }: RecordedModelRequest, response: ServerResponse): Promise<void> {
    const fault = this.#faults.shift();
    if (fault?.kind === 'status')
      return this.#json(
        response,
        fault.status,
        this.#dialect.errorBody(fault.status, fault.message ?? 'it failed'),
        fault.headers,
      );
    if (fault?.kind === 'rate-limit')
      return this.#json(response, 429, this.#dialect.errorBody(429, 'slow down'), {
        'retry-after': fault.retryAfter,
      });
    if (fault?.kind === 'reset') {
      response.destroy();
      return undefined;
    }
    if (fault?.kind === 'wrong-content-type') {
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end(html);
      return undefined;
    }
    const turn = this.#turns.shift() ?? { text: 'ok' };
    if (turn.hang === true) return undefined;
    const delayMs = fault?.kind === 'slow-head' ? fault.delayMs : (turn.delayMs ?? 0);
    if (delayMs > 0) await this.#wait(delayMs);
    const model = typeof body['model'] === 'string' ? body['model'] : 'fake-model';
    const callIds = (): string => `call_${(this.#callIds += 1)}`;
    if (!this.#dialect.wantsStream(body, path) && (fault === undefined || fault.kind === 'slow-head'))
      return this.#json(response, 200, this.#dialect.whole(turn, model, callIds));
    const streamed = this.#dialect.wantsStream(body, path);
    const pieces = streamed
      ? this.#dialect.pieces(turn, model, callIds)
      : (JSON.stringify(this.#dialect.whole(turn, model, callIds)).match(/.{1,16}/gsu) ?? []);
    response.writeHead(200, { 'content-type': streamed ? this.#dialect.streamType : 'application/json' });
    response.flushHeaders();
    return this.#send(response, pieces, fault);
  }

  async #send(
    response: ServerResponse,
    pieces: readonly (string | Uint8Array)[],
    fault: ModelServerFault | undefined,
  ): Promise<void> {
    const sent = fault !== undefined && 'afterPieces' in fault ? pieces.slice(0, fault.afterPieces) : pieces;
    if (fault?.kind === 'never-ending') {
      const example = this.#dialect.pieces({ chunks: ['more '] }, 'fake-model', () => 'call');
      const opening = this.#dialect.openingPieces;
      for (const piece of example.slice(0, opening)) response.write(piece);
      const repeated = example[opening] ?? ' ';
      while (!response.destroyed) {
        response.write(repeated);
        await this.#wait(fault.everyMs);
      }
      return;
    }
    for (const piece of sent) response.write(piece);
    if (fault?.kind === 'silent') return;
    if (fault?.kind === 'garbage') response.write(fault.text ?? 'data: {"this is": no JSON\n\n');
    if (fault?.kind === 'error-event') response.write(this.#dialect.errorPiece(fault.message));
    if (fault?.kind === 'cut') {
      // The parts must leave the machine before the connection breaks.
      await this.#wait(20);
      response.destroy();
      return;
    }
    response.end();
  }
}
