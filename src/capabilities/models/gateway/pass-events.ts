import { AppError, type Json } from '../../../base/index.ts';
import type { CallOutcome } from '../../accounting/index.ts';
import { readWireJson } from '../providers/read-wire-json.ts';
import { toStreamError } from '../providers/stream-error.ts';
import { UsageTap } from '../providers/usage-tap.ts';
import { brokenAnswer, wireErrorEvent } from '../providers/wire-error.ts';
import type { Begun } from '../router/index.ts';
import { insteadOfAnswer, type ByteAnswer, type PassContext } from './pass-context.ts';
import { streamOfWhole } from './stream-of-whole.ts';

type Outcome = Pick<CallOutcome, 'status' | 'usage' | 'estimated'>;

/** About how many bytes of text a token has, where nobody counted. */
const bytesPerToken = 4;
const mostWholeBytes = 8 * 1024 * 1024;
/** How a stream of events begins: a field, a comment, or blank lines before them. */
const eventStart = /^\s*(?:data|event|id|retry)\s*:|^\s*:/;

/** An answer under way: what of it can go on, how it ended. */
class PassingEvents implements AsyncIterableIterator<Uint8Array> {
  readonly done: Promise<Outcome>;
  readonly #context: PassContext;
  readonly #tap: UsageTap;
  readonly #settle: (outcome: Outcome) => void;
  #begin: Buffer | undefined;
  #over = false;
  #lastWord: Buffer | undefined;

  constructor(context: PassContext, tap: UsageTap, begin: Buffer) {
    this.#context = context;
    this.#tap = tap;
    this.#begin = begin;
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    this.done = promise;
    this.#settle = resolve;
    const { signal } = context.io;
    // Whoever never reads the answer still has it on the bill once the call is over.
    const onAbort = (): void => {
      const failure = toStreamError(signal.reason);
      // Whoever has gone reads nothing more; whoever waits must not take the part for the whole.
      if (failure.code !== 'cancelled' && !this.#tap.ended && !this.#over)
        this.#lastWord = this.#errorEvent(failure);
      this.#end(failure.code);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    this.#forget = () => signal.removeEventListener('abort', onAbort);
  }

  readonly #forget: () => void;

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const begin = this.#begin;
    if (begin !== undefined) {
      this.#begin = undefined;
      return { done: false, value: begin };
    }
    while (!this.#over) {
      let chunk: Buffer | undefined;
      try {
        chunk = await this.#context.source.next();
      } catch (error) {
        return this.#broke(error);
      }
      if (chunk === undefined) return this.#finish();
      const ready = this.#tap.push(chunk);
      if (ready.length > 0) return { done: false, value: ready };
    }
    return this.#last();
  }

  /** What is still to be said once it is over. */
  #last(): IteratorResult<Uint8Array, undefined> {
    const value = this.#lastWord;
    this.#lastWord = undefined;
    return value === undefined ? { done: true, value } : { done: false, value };
  }

  #errorEvent(failure: AppError): Buffer {
    const torn = this.#tap.torn ? '\n\n' : '';
    return Buffer.from(torn + wireErrorEvent(this.#context.wire.shape, failure));
  }

  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#end('cancelled');
    return Promise.resolve({ done: true, value: undefined });
  }

  /** The upstream has closed: well, or in the middle of its answer. */
  #finish(): IteratorResult<Uint8Array, undefined> {
    if (this.#over) return this.#last();
    const rest = this.#tap.rest();
    const { ended, finishReason, failure } = this.#tap;
    if (!ended && finishReason === undefined && failure === undefined)
      return this.#broke(new Error('it ended without finishing its answer'));
    this.#end(failure === undefined ? 'ok' : 'upstream_error');
    return rest.length > 0 ? { done: false, value: rest } : { done: true, value: undefined };
  }

  #broke(error: unknown): IteratorResult<Uint8Array, undefined> {
    const { io } = this.#context;
    if (this.#over) return this.#last();
    // Everything was said before the connection broke.
    if (this.#tap.ended) {
      this.#end('ok');
      return { done: true, value: undefined };
    }
    const failure = io.signal.aborted
      ? toStreamError(io.signal.reason)
      : brokenAnswer(`The provider "${io.provider.name}"`, error);
    this.#end(failure.code);
    return { done: false, value: this.#errorEvent(failure) };
  }

  #end(status: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#forget();
    const { usage, spokenBytes } = this.#tap;
    this.#context.source.destroy();
    this.#settle({
      status,
      usage: usage ?? {
        inputTokens: this.#context.inputTokens(),
        outputTokens: Math.ceil(spokenBytes / bytesPerToken),
        costUsd: null,
      },
      estimated: usage === undefined,
    });
  }
}

/** Everything of an answer that is no stream although one was asked for. */
async function gather(context: PassContext, begin: readonly Buffer[]): Promise<Buffer> {
  const chunks = [...begin];
  let size = begin.reduce((sum, chunk) => sum + chunk.length, 0);
  for (;;) {
    const chunk = await context.source.next();
    if (chunk === undefined) return Buffer.concat(chunks);
    chunks.push(chunk);
    size += chunk.length;
    if (size > mostWholeBytes) throw insteadOfAnswer(context, 'answered with something that is no stream.');
  }
}

function reported({ response }: PassContext, report: Json): AppError {
  return response.toError?.(report) ?? new AppError('upstream_error', 'The provider answered with an error.');
}

/** Waits for the first event of a stream, and rejects when what comes is none. */
export async function passEvents(
  context: PassContext,
  options: { readonly hideUsage: boolean },
): Promise<Begun<ByteAnswer>> {
  const { source, response, wire } = context;
  const tap = new UsageTap(wire.shape, options);
  const head = {
    status: response.status,
    contentType: 'text/event-stream; charset=utf-8',
    headers: response.headers,
  };
  const ready: Buffer[] = [];
  let start: Buffer | undefined;
  while (tap.opening === 'none') {
    const chunk = await source.next();
    if (chunk === undefined) {
      ready.push(tap.rest());
      if (tap.opening === 'none') throw insteadOfAnswer(context, 'closed the connection without an answer.');
      break;
    }
    if (start === undefined || start.length < 8) {
      start = start === undefined ? chunk : Buffer.concat([start, chunk]);
      const text = start.toString('latin1', 0, 64);
      const first = text.trimStart().charAt(0);
      if (first === '{' || first === '[') {
        const whole = await gather(context, [start]);
        const { verdict, report } = readWireJson(wire.shape, whole);
        if (verdict === 'error') throw reported(context, report ?? null);
        const events = verdict === 'answer' ? streamOfWhole(wire.shape, whole) : undefined;
        if (events === undefined)
          throw insteadOfAnswer(context, 'answered with something that is no stream of events.');
        ready.push(tap.push(events));
        break;
      }
      if (first === '<' || (text.length >= 8 && first !== '' && !eventStart.test(text)))
        throw insteadOfAnswer(context, 'answered with something that is no stream of events.');
    }
    ready.push(tap.push(chunk));
  }
  if (tap.opening === 'error') throw reported(context, tap.failure ?? null);
  const [only] = ready;
  const begin = ready.length === 1 && only !== undefined ? only : Buffer.concat(ready);
  const body = new PassingEvents(context, tap, begin);
  return { value: { ...head, body, done: body.done }, done: body.done };
}
