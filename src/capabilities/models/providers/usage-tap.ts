import { isJsonObject, tryParseJson, type Json, type JsonObject } from '../../../base/index.ts';
import type { FinishReason, Usage } from '../../../protocol/index.ts';
import type { WireShape } from '../provider.ts';
import { SseSplitter } from './sse-splitter.ts';
import { finishReasonOfWire, usageOfWire } from './wire-usage.ts';

const doubleQuote = 0x22;

/** Members of an event whose text is what the model said, by shape. The likeliest first. */
const spokenKeys: Readonly<Record<WireShape, readonly string[]>> = {
  'openai-chat': ['"content":', '"arguments":', '"reasoning_content":', '"reasoning":', '"refusal":'],
  'openai-completions': ['"text":'],
  'openai-responses': ['"delta":'],
  'openai-embeddings': [],
  'anthropic-messages': ['"text":', '"partial_json":', '"thinking":'],
};

/** Offset of the value behind `"key":`, a space allowed; -1 where there is no such key. */
function valueAfter(line: string, key: string, from = 0): number {
  const found = line.indexOf(key, from);
  if (found === -1) return -1;
  const at = found + key.length;
  return line.charCodeAt(at) === 0x20 ? at + 1 : at;
}

/** Bytes of the text that begins with the quote at `from`. */
function textLength(line: string, from: number): number {
  let end = line.indexOf('"', from + 1);
  while (end !== -1) {
    let before = end;
    while (line.charCodeAt(before - 1) === 0x5c) before -= 1;
    if ((end - before) % 2 === 0) return end - from - 1;
    end = line.indexOf('"', end + 1);
  }
  return line.length - from;
}

/** The line as text again: it was read byte by byte, for the search. */
const decode = (line: string): Json | undefined => tryParseJson(Buffer.from(line, 'latin1').toString('utf8'));

/**
 * Reads along in a stream of server-sent events that is passed on: usage, finish reason, model, an error in the middle, and
 * how much was said, for an estimate where nobody tells the usage. Only the few events that tell something are parsed.
 * With `hideUsage` the chunk that holds nothing but the usage is taken out: the client did not ask for it.
 */
export class UsageTap {
  readonly #shape: WireShape;
  readonly #hideUsage: boolean;
  readonly #keys: readonly string[];
  readonly #splitter = new SseSplitter();
  #wireUsage: JsonObject | undefined;
  /** Bytes of text that the model has said, about its characters where they are ASCII. */
  spokenBytes = 0;
  finishReason: FinishReason | undefined;
  model: string | undefined;
  /** What the first event with data is: nothing yet, an answer, or a report of failure. */
  opening: 'none' | 'answer' | 'error' = 'none';
  /** The report that the upstream sent in place of an end. */
  failure: Json | undefined;
  /** The stream has said that it is over. */
  ended = false;

  constructor(shape: WireShape, options: { readonly hideUsage?: boolean } = {}) {
    this.#shape = shape;
    this.#hideUsage = options.hideUsage ?? false;
    this.#keys = spokenKeys[shape];
  }

  get usage(): Usage | undefined {
    return this.#wireUsage === undefined ? undefined : usageOfWire(this.#shape, this.#wireUsage);
  }

  /** Is the stream within an event of which a part has gone on? */
  get torn(): boolean {
    return this.#splitter.torn;
  }

  /** What of the stream can go on now: whole events. Empty: nothing yet. */
  push(chunk: Buffer): Buffer {
    const piece = this.#splitter.push(chunk);
    if (piece === undefined) return Buffer.alloc(0);
    const { bytes, tornBytes } = piece;
    if (tornBytes === 0) return this.#scan(bytes);
    if (this.opening === 'none') this.opening = 'answer';
    this.spokenBytes += tornBytes;
    return tornBytes === bytes.length
      ? bytes
      : Buffer.concat([bytes.subarray(0, tornBytes), this.#scan(bytes.subarray(tornBytes))]);
  }

  /** What was held back when the stream has ended well; a torn event is dropped. */
  rest(): Buffer {
    const rest = this.#splitter.rest();
    if (rest === undefined) return Buffer.alloc(0);
    const ends = rest.at(-1) === 0x0a;
    const text = rest.toString('latin1');
    const data = text
      .slice(text.lastIndexOf('\n', text.length - 2) + 1)
      .replace(/^data: ?/, '')
      .trim();
    if (data !== '[DONE]' && decode(data) === undefined) return Buffer.alloc(0);
    return this.#scan(Buffer.concat([rest, Buffer.from(ends ? '\n' : '\n\n')]));
  }

  #scan(bytes: Buffer): Buffer {
    const text = bytes.toString('latin1');
    let kept: Buffer[] | undefined;
    let copied = 0;
    let eventStart = 0;
    let start = 0;
    let hides = false;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
      const length = end - start;
      if (length === 0 || (length === 1 && text.charCodeAt(start) === 0x0d)) {
        if (hides) {
          (kept ??= []).push(bytes.subarray(copied, eventStart));
          copied = end + 1;
          hides = false;
        }
        eventStart = end + 1;
      } else if (text.startsWith('data:', start)) {
        hides = this.#line(text.slice(start + 5, end)) || hides;
      }
      start = end + 1;
    }
    if (kept === undefined) return bytes;
    kept.push(bytes.subarray(copied));
    return Buffer.concat(kept);
  }

  /** Looks at the data of one event; true: it is to be taken out. */
  #line(line: string): boolean {
    if (this.opening === 'none') this.#open(line);
    if (line.length < 10 && line.trim() === '[DONE]') {
      this.ended = true;
      return false;
    }
    this.#countSpoken(line);
    const usageAt = valueAfter(line, '"usage":');
    const hasUsage = usageAt !== -1 && line.charCodeAt(usageAt) === 0x7b;
    if (!hasUsage && !this.#tellsMore(line)) return false;
    const event = decode(line);
    if (!isJsonObject(event)) return false;
    this.#read(event);
    const { choices } = event;
    return this.#hideUsage && hasUsage && Array.isArray(choices) && choices.length === 0;
  }

  #open(line: string): void {
    this.opening = 'answer';
    const event = decode(line);
    if (!isJsonObject(event)) return;
    this.#read(event);
    if (this.failure !== undefined) this.opening = 'error';
  }

  /** Why the model stopped, or an error: the other events that have to be read. */
  #tellsMore(line: string): boolean {
    if (this.#shape === 'anthropic-messages')
      return line.includes('"message_stop"') || line.includes('"error"');
    if (this.#shape === 'openai-responses')
      return line.includes('"response.') && /"response\.(?:failed|incomplete|completed)"|"error"/.test(line);
    const reason = valueAfter(line, '"finish_reason":');
    if (reason !== -1 && line.charCodeAt(reason) === doubleQuote) return true;
    return line.includes('"error"');
  }

  #countSpoken(line: string): void {
    for (const key of this.#keys) {
      const at = valueAfter(line, key);
      if (at === -1 || line.charCodeAt(at) !== doubleQuote) continue;
      this.spokenBytes += textLength(line, at);
      return;
    }
  }

  #read(event: JsonObject): void {
    const { error, type } = event;
    if (isJsonObject(error) || (typeof error === 'string' && error !== '') || type === 'error')
      this.failure ??= event;
    const holder = isJsonObject(event['message'])
      ? event['message']
      : isJsonObject(event['response'])
        ? event['response']
        : event;
    if (typeof holder['model'] === 'string') this.model ??= holder['model'];
    // Anthropic tells the input at the beginning and the output at the end.
    for (const usage of [holder['usage'], event['usage']])
      if (isJsonObject(usage)) this.#wireUsage = { ...this.#wireUsage, ...known(usage) };
    const [choice] = Array.isArray(event['choices']) ? (event['choices'] as readonly Json[]) : [];
    const reason =
      (isJsonObject(choice) ? choice['finish_reason'] : undefined) ??
      (isJsonObject(event['delta']) ? event['delta']['stop_reason'] : undefined) ??
      (type === 'response.completed' || type === 'response.incomplete' ? holder['status'] : undefined);
    this.finishReason = finishReasonOfWire(reason) ?? this.finishReason;
    if (type === 'message_stop' || type === 'response.completed' || type === 'response.incomplete')
      this.ended = true;
    if (type === 'response.failed') this.failure ??= isJsonObject(holder) ? holder : event;
  }
}

/** Without what is `null`, which would hide what was told before. */
function known(usage: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(usage).filter(([, value]) => value !== null));
}
