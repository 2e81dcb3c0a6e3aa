import { isJsonObject, tryParseJson, type Json, type JsonObject } from '../../../base/index.ts';
import type { FinishReason, Usage } from '../../../protocol/index.ts';
import type { WireShape } from '../provider.ts';
import { spokenTextAt } from './spoken-text.ts';
import { SseSplitter } from './sse-splitter.ts';
import { finishReasonOfWire, usageOfWire } from './wire-usage.ts';

/** The member of an event that holds what the model said, and what marks the other events that have to be read. */
interface Marks {
  readonly spoken: string;
  readonly telling: readonly string[];
}

/** `colon`: how this upstream writes it, with a space or without. */
function marksOf(shape: WireShape, colon: string): Marks {
  switch (shape) {
    case 'anthropic-messages':
      return {
        spoken: '"delta":',
        telling: [`"usage"${colon}{`, `"type"${colon}"message_stop"`, `"type"${colon}"error"`],
      };
    case 'openai-responses':
      return {
        spoken: '"delta":',
        telling: [
          `"response.completed"`,
          `"response.incomplete"`,
          `"response.failed"`,
          `"type"${colon}"error"`,
        ],
      };
    case 'openai-chat':
    case 'openai-completions':
    case 'openai-embeddings':
    default:
      return {
        spoken: shape === 'openai-completions' ? '"text":' : '"delta":',
        telling: [`"usage"${colon}{`, `"finish_reason"${colon}"`, '"error"'],
      };
  }
}

const beyondAscii = /[\x80-\xff]/;

/** The line as text again: it was read byte by byte, for the search. */
const decode = (line: string): Json | undefined =>
  tryParseJson(beyondAscii.test(line) ? Buffer.from(line, 'latin1').toString('utf8') : line);

/**
 * Reads along in a stream of server-sent events that is passed on: usage, finish reason, an error in the middle, and
 * how much was said, for an estimate where nobody tells the usage. Only the few events that tell something are parsed.
 * With `hideUsage` the chunk that holds nothing but the usage is taken out: the client did not ask for it.
 */
export class UsageTap {
  readonly #shape: WireShape;
  readonly #hideUsage: boolean;
  #marks: Marks;
  /** The last event that only said something, without what it said. */
  #last = { before: '', behind: '' };
  readonly #splitter = new SseSplitter();
  #wireUsage: JsonObject | undefined;
  /** Bytes of text that the model has said, about its characters where they are ASCII. */
  spokenBytes = 0;
  finishReason: FinishReason | undefined;
  /** What the first event with data is: nothing yet, an answer, or a report of failure. */
  opening: 'none' | 'answer' | 'error' = 'none';
  /** The report that the upstream sent in place of an end. */
  failure: Json | undefined;
  /** The stream has said that it is over. */
  ended = false;

  constructor(shape: WireShape, options: { readonly hideUsage?: boolean } = {}) {
    this.#shape = shape;
    this.#hideUsage = options.hideUsage ?? false;
    this.#marks = marksOf(shape, ':');
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

  /** Whole events, read and, where one is to be hidden, without it. */
  #scan(bytes: Buffer): Buffer {
    const text = bytes.toString('latin1');
    let hidden: (readonly [start: number, end: number])[] | undefined;
    let start = 0;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
      if (
        !this.#isLikeLast(text, start, end) &&
        text.startsWith('data:', start) &&
        this.#line(text.slice(start, end))
      )
        (hidden ??= []).push(eventAround(text, start, end));
      start = end + 1;
    }
    return hidden === undefined ? bytes : without(bytes, hidden);
  }

  /**
   * Most events differ from the one before only in the text that is said: such a one need not be looked at any further.
   */
  #isLikeLast(text: string, start: number, end: number): boolean {
    const { before, behind } = this.#last;
    const spoken = start + before.length;
    const tail = end - behind.length;
    if (
      before === '' ||
      spoken > tail ||
      text.slice(start, spoken) !== before ||
      text.slice(tail, end) !== behind ||
      text.indexOf('"', spoken) !== tail
    )
      return false;
    this.spokenBytes += tail - spoken;
    return true;
  }

  /** Looks at a line of data; true: its event is to be taken out. */
  #line(line: string): boolean {
    const isFirst = this.opening === 'none';
    if (isFirst) {
      this.opening = 'answer';
      this.#marks = marksOf(this.#shape, /^data: ?\{\s*"[^"]*": /.test(line) ? ': ' : ':');
    }
    if (line.length < 16 && line.slice(5).trim() === '[DONE]') {
      this.ended = true;
      return false;
    }
    const { spoken, telling } = this.#marks;
    let tells = false;
    for (const mark of telling) tells ||= line.includes(mark);
    const at = line.indexOf(spoken);
    if (at !== -1) {
      const text = spokenTextAt(line, at + spoken.length);
      this.spokenBytes += text.bytes;
      if (!tells && text.start !== -1)
        this.#last = { before: line.slice(0, text.start), behind: line.slice(text.end) };
    }
    if (!tells) return false;
    const hides = this.#tell(line);
    if (isFirst && this.failure !== undefined) this.opening = 'error';
    return hides;
  }

  /** Reads an event that tells something; true: it is to be taken out. */
  #tell(line: string): boolean {
    const event = decode(line.slice(5));
    if (!isJsonObject(event)) return false;
    this.#read(event);
    const { choices, usage } = event;
    return this.#hideUsage && isJsonObject(usage) && Array.isArray(choices) && choices.length === 0;
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

/** Offset of the end of the line that `at` lies in. */
function endOfLine(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end === -1 ? text.length : end;
}

/** The whole event that this line is part of, with the blank line behind it. */
function eventAround(text: string, lineStart: number, lineEnd: number): readonly [number, number] {
  let start = lineStart;
  while (start > 0) {
    const before = text.lastIndexOf('\n', start - 2) + 1;
    if (text.slice(before, start).trim() === '') break;
    start = before;
  }
  let end = lineEnd + 1;
  while (end < text.length) {
    const lineEndsAt = endOfLine(text, end);
    const blank = text.slice(end, lineEndsAt).trim() === '';
    end = lineEndsAt + 1;
    if (blank) break;
  }
  return [start, Math.min(end, text.length)];
}

/** The bytes without these parts; what follows is moved up, because nobody else holds them. */
function without(bytes: Buffer, parts: readonly (readonly [number, number])[]): Buffer {
  let end = bytes.length;
  for (const [from, to] of parts.toReversed()) {
    bytes.copyWithin(from, to, end);
    end -= to - from;
  }
  return bytes.subarray(0, end);
}
