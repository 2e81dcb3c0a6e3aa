import { isJsonObject, type Json, type JsonObject } from '../../../base/index.ts';
import type { AnswerExtras } from '../provider.ts';
import { firstChoice } from './openai-request.ts';

/** Fields of an answer that have no word in our events; the last one that is told counts. */
const answerFields = ['system_fingerprint', 'service_tier', 'citations', 'provider'] as const;
/** The same in a message or its deltas; lists grow. */
const messageFields = ['annotations', 'images', 'audio', 'refusal'] as const;

type Fields = Record<string, Json | undefined>;

function grown(before: Json | undefined, more: Json): Json {
  if (Array.isArray(before) && Array.isArray(more)) return [...(before as Json[]), ...(more as Json[])];
  if (typeof before === 'string' && typeof more === 'string') return before + more;
  return more;
}

/** Streamed details come in pieces of one text; those of one index and type are one. */
function joinDetails(details: readonly Json[]): readonly Json[] {
  const joined: Fields[] = [];
  for (const detail of details) {
    if (!isJsonObject(detail)) continue;
    const before = joined.at(-1);
    const same =
      before !== undefined && before['index'] === detail['index'] && before['type'] === detail['type'];
    if (!same) {
      joined.push({ ...detail });
      continue;
    }
    for (const [name, value] of Object.entries(detail)) {
      if (value === null || value === undefined) continue;
      const grows = name === 'text' || name === 'summary' || name === 'data';
      before[name] = grows ? grown(before[name], value) : value;
    }
  }
  return joined;
}

/** Reads what the AI SDK leaves out of an answer, from its raw body or the chunks of its stream. */
export class OpenAIAnswerReader {
  readonly #fields: Fields = {};
  readonly #logprobs: Fields = {};
  #details: Json[] = [];

  /** A whole body or one chunk. */
  take(body: unknown): void {
    if (!isJsonObject(body)) return;
    for (const name of answerFields) {
      const value = body[name];
      if (value !== undefined && value !== null) this.#fields[name] = value;
    }
    const choice = firstChoice(body);
    if (choice === undefined) return;
    const { logprobs } = choice;
    if (isJsonObject(logprobs)) {
      for (const [name, value] of Object.entries(logprobs))
        if (value !== undefined && value !== null) this.#logprobs[name] = grown(this.#logprobs[name], value);
    }
    const message = choice['message'] ?? choice['delta'];
    if (!isJsonObject(message)) return;
    for (const name of messageFields) {
      const value = message[name];
      if (value !== undefined && value !== null) this.#fields[name] = grown(this.#fields[name], value);
    }
    const details = message['reasoning_details'];
    if (Array.isArray(details)) this.#details.push(...(details as Json[]));
  }

  get extras(): AnswerExtras {
    const extra: JsonObject = {
      ...this.#fields,
      ...(Object.keys(this.#logprobs).length === 0 ? {} : { logprobs: this.#logprobs }),
    };
    return {
      ...(Object.keys(extra).length === 0 ? {} : { extra }),
      ...(this.#details.length === 0
        ? {}
        : { providerData: { openai: { reasoning_details: joinDetails(this.#details) } } }),
    };
  }
}
