import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { isJsonObject, tryParseJson, type Json, type JsonObject } from '../base/index.ts';

/** What goes wrong with a call. `after` counts bytes of the body that still arrive whole. */
export type ChaosFault =
  | { readonly kind: 'slow-head' | 'slow-first-byte'; readonly delayMs: number }
  /** The connection stays open, but nothing more comes. */
  | { readonly kind: 'stall'; readonly after: number }
  | { readonly kind: 'reset' }
  | { readonly kind: 'cut'; readonly after: number }
  | { readonly kind: 'rate-limit'; readonly retryAfter: string }
  | { readonly kind: 'status'; readonly status: number }
  /** Something that is neither JSON nor an event; with `after` 0 in place of an answer. */
  | { readonly kind: 'garbage'; readonly after: number }
  /** A page of HTML with status 200. */
  | { readonly kind: 'wrong-type' }
  /** No fault: the answer is right, but comes in pieces of this size, each by itself. */
  | { readonly kind: 'pieces'; readonly size: number | (() => number) }
  /** No fault: a text of so many bytes in one event. */
  | { readonly kind: 'huge'; readonly bytes: number }
  /** No fault: events without end, as fast as they are taken. */
  | { readonly kind: 'endless' };

/** A call as the upstream saw it. */
export interface ChaosCall {
  /** What the last message says: by it the test knows its own call. */
  readonly question: string;
  /** Stands in the answer, and in no other. */
  readonly nonce: string;
  readonly stream: boolean;
  readonly fault: ChaosFault['kind'] | undefined;
  /** `completed`: its answer was handed to the network to the end. `left`: the other side went before. */
  state: 'open' | 'completed' | 'failed' | 'left';
  /** When the other side went, `performance.now()`. */
  leftMs?: number;
  bytesSent: number;
}

/** Numbers from 0 to 1 that are the same for the same seed. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const html = '<!doctype html><title>Sign in</title><p>Please sign in to this network.</p>';
const usage = { prompt_tokens: 10, completion_tokens: 8, total_tokens: 18 };
const head = { id: 'chatcmpl-1', created: 1_767_225_600, model: 'm' };

/** The words of an answer: the question, the nonce, and some more. */
const wordsOf = (question: string, nonce: string): readonly string[] => [
  question,
  ` <${nonce}>`,
  ' this',
  ' is',
  ' the Ärger 👋',
  ' end',
];

function openAiEvent(delta: JsonObject, finish: string | null = null): string {
  const chunk = {
    ...head,
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta, finish_reason: finish }],
  };
  return `data: ${JSON.stringify({ ...chunk, usage: null })}\n\n`;
}

function openAiStream(words: readonly string[]): string {
  const end = { ...head, object: 'chat.completion.chunk', choices: [], usage };
  return [
    openAiEvent({ role: 'assistant', content: '' }),
    ...words.map((content) => openAiEvent({ content })),
    openAiEvent({}, 'stop'),
    `data: ${JSON.stringify(end)}\n\n`,
    'data: [DONE]\n\n',
  ].join('');
}

function openAiWhole(words: readonly string[]): string {
  const message = { role: 'assistant', content: words.join('') };
  return JSON.stringify({
    ...head,
    object: 'chat.completion',
    choices: [{ index: 0, message, finish_reason: 'stop' }],
    usage,
  });
}

function ollamaLine(content: string, done: JsonObject = { done: false }): string {
  return `${JSON.stringify({ model: 'm', created_at: '2026-01-01T00:00:00Z', message: { role: 'assistant', content }, ...done })}\n`;
}

const ollamaDone = { done: true, done_reason: 'stop', prompt_eval_count: 10, eval_count: 8 };

/** The API that an upstream speaks: OpenAI's chat, or Ollama's own with its lines of JSON. */
type Dialect = 'openai' | 'ollama';

function bodyOf(dialect: Dialect, stream: boolean, words: readonly string[]): string {
  if (dialect === 'openai') return stream ? openAiStream(words) : openAiWhole(words);
  const lines = words.map((word) => ollamaLine(word));
  return stream ? [...lines, ollamaLine('', ollamaDone)].join('') : ollamaLine(words.join(''), ollamaDone);
}

/** An upstream on loopback that answers each call with a nonce of its own, and goes wrong as the test says. */
export class ChaosUpstream {
  readonly calls: ChaosCall[] = [];
  /** What becomes of the next call; `undefined`: it goes well. */
  fault: (call: { readonly index: number; readonly question: string }) => ChaosFault | undefined = () =>
    undefined;
  readonly #name: string;
  readonly #dialect: Dialect;
  #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #port = 0;

  private constructor(name: string, dialect: Dialect) {
    this.#name = name;
    this.#dialect = dialect;
    this.#server = this.#open();
  }

  static async start(name: string, dialect: Dialect = 'openai'): Promise<ChaosUpstream> {
    const upstream = new ChaosUpstream(name, dialect);
    await upstream.revive();
    return upstream;
  }

  /** `http://127.0.0.1:PORT`, the same also while it is dead. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Calls that were handed to the network to their end. */
  get completed(): readonly ChaosCall[] {
    return this.calls.filter(({ state }) => state === 'completed');
  }

  /** Refuses connections from now on, and breaks those that there are. */
  async die(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Listens again, at the same address. */
  async revive(): Promise<void> {
    this.#server = this.#open();
    await new Promise<void>((resolve) => {
      this.#server.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  #open(): Server {
    const server = createServer((request, response) => void this.#serve(request, response));
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    return server;
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

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    try {
      for await (const chunk of request.setEncoding('utf8')) text += String(chunk);
    } catch {
      return;
    }
    const body = tryParseJson(text);
    if (!isJsonObject(body) || !Array.isArray(body['messages'])) {
      response.writeHead(404).end('{}');
      return;
    }
    const last = (body['messages'] as readonly Json[]).at(-1);
    const content = isJsonObject(last) ? last['content'] : undefined;
    const question = typeof content === 'string' ? content : '';
    const index = this.calls.length;
    const fault = this.fault({ index, question });
    const call: ChaosCall = {
      question,
      nonce: `${this.#name}-${index}`,
      stream: this.#dialect === 'openai' ? body['stream'] === true : body['stream'] !== false,
      fault: fault?.kind,
      state: 'open',
      bytesSent: 0,
    };
    this.calls.push(call);
    response.on('close', () => {
      if (call.state !== 'open') return;
      call.state = 'left';
      call.leftMs = performance.now();
    });
    await this.#answer(call, fault, response);
  }

  #fail(
    call: ChaosCall,
    response: ServerResponse,
    status: number,
    headers: Record<string, string> = {},
  ): void {
    call.state = 'failed';
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify({ error: { message: 'it failed', type: 'api_error' } }));
  }

  async #answer(call: ChaosCall, fault: ChaosFault | undefined, response: ServerResponse): Promise<void> {
    if (fault?.kind === 'status') return this.#fail(call, response, fault.status);
    if (fault?.kind === 'rate-limit')
      return this.#fail(call, response, 429, { 'retry-after': fault.retryAfter });
    if (fault?.kind === 'reset') {
      call.state = 'failed';
      response.destroy();
      return undefined;
    }
    if (fault?.kind === 'slow-head') await this.#wait(fault.delayMs);
    if (response.destroyed) return undefined;
    const types = { openai: 'text/event-stream', ollama: 'application/x-ndjson' };
    const type = call.stream ? types[this.#dialect] : 'application/json';
    response.writeHead(200, { 'content-type': fault?.kind === 'wrong-type' ? 'text/html' : type });
    response.flushHeaders();
    if (fault?.kind === 'slow-first-byte') await this.#wait(fault.delayMs);
    const words = [
      ...wordsOf(call.question, call.nonce),
      ...(fault?.kind === 'huge' ? ['x'.repeat(fault.bytes)] : []),
    ];
    const body = Buffer.from(fault?.kind === 'wrong-type' ? html : bodyOf(this.#dialect, call.stream, words));
    if (fault?.kind === 'endless') return this.#endless(call, response);
    if (fault !== undefined && 'after' in fault) return this.#broken(call, fault, body, response);
    const size = fault?.kind === 'pieces' ? fault.size : body.length;
    for (let at = 0; at < body.length;) {
      const piece = body.subarray(at, at + (typeof size === 'number' ? size : size()));
      at += piece.length;
      if (!(await this.#write(call, response, piece))) return undefined;
    }
    call.state = fault?.kind === 'wrong-type' ? 'failed' : 'completed';
    response.end();
    return undefined;
  }

  async #broken(
    call: ChaosCall,
    fault: Extract<ChaosFault, { readonly after: number }>,
    body: Buffer,
    response: ServerResponse,
  ): Promise<void> {
    if (fault.after > 0 && !(await this.#write(call, response, body.subarray(0, fault.after)))) return;
    if (fault.kind === 'stall') return;
    call.state = 'failed';
    if (fault.kind === 'garbage') {
      response.end('\n\n%PDF-1.7 \u0000 {"this is": no JSON\n\n');
      return;
    }
    // The parts must leave the machine before the connection breaks.
    await this.#wait(20);
    response.destroy();
  }

  async #endless(call: ChaosCall, response: ServerResponse): Promise<void> {
    const opening = wordsOf(call.question, call.nonce).map((content) => openAiEvent({ content }));
    const event = Buffer.from(openAiEvent({ content: 'x'.repeat(60_000) }));
    let open = await this.#write(call, response, Buffer.from(opening.join('')));
    while (open) open = await this.#write(call, response, event);
  }

  /** Writes as fast as it is taken; false once the other side has gone. */
  async #write(call: ChaosCall, response: ServerResponse, piece: Buffer): Promise<boolean> {
    if (response.destroyed) return false;
    const goesOn = response.write(piece);
    call.bytesSent += piece.length;
    if (goesOn) {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    } else {
      await new Promise<void>((resolve) => {
        const settle = (): void => {
          response.off('drain', settle);
          response.off('close', settle);
          resolve();
        };
        response.on('drain', settle);
        response.on('close', settle);
      });
    }
    return !response.destroyed;
  }
}
