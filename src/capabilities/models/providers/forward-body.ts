import { isJsonObject, spliceJson, type Json, type JsonObject } from '../../../base/index.ts';
import type { ForwardRequest, WireShape } from '../provider.ts';

/** How an upstream wants what differs between upstreams of one shape. */
export interface ForwardDialect {
  /** The name of the limit that is set where a request has none. */
  readonly limitName?: 'max_tokens' | 'max_completion_tokens';
  /** Reasoning models of this upstream refuse `max_tokens`. */
  readonly renamesLimit?: boolean;
  /** Does it take `stream_options`? Default true. */
  readonly usageInStreams?: boolean;
}

const limitNames: Readonly<Record<WireShape, readonly string[]>> = {
  'openai-chat': ['max_completion_tokens', 'max_tokens'],
  'openai-completions': ['max_tokens'],
  'openai-responses': ['max_output_tokens'],
  'openai-embeddings': [],
  'anthropic-messages': ['max_tokens'],
};
const anyLimit: readonly string[] = ['max_completion_tokens', 'max_tokens', 'max_output_tokens'];
/** Also what servers of OpenAI's kind call it in their own requests. */
const boundNames: readonly string[] = [...anyLimit, 'max_new_tokens', 'n_predict', 'num_predict'];
const reasoningModel = /^(?:o\d|gpt-5)/;

const countOf = (value: Json | undefined): number | undefined =>
  typeof value === 'number' && value > 0 ? value : undefined;

function limitIn(fields: JsonObject): number | undefined {
  for (const name of anyLimit) {
    const limit = countOf(fields[name]);
    if (limit !== undefined) return limit;
  }
  return undefined;
}

/** What is set elsewhere: limits and the form of the answer are not for parameters to choose. */
const setElsewhere: readonly string[] = [...anyLimit, 'stream', 'stream_options'];

function withoutOthers(fields: JsonObject): JsonObject {
  if (!setElsewhere.some((name) => name in fields)) return fields;
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !setElsewhere.includes(name)));
}

/** The members that limit the output: smaller ones where a bound is given, the default where the request has none. */
function limitEdits(request: ForwardRequest, dialect: ForwardDialect): { set: JsonObject; remove: string[] } {
  const { wire, params, overrides, model } = request;
  const names = limitNames[wire.shape];
  const bound = limitIn(overrides);
  const preferred =
    wire.shape === 'openai-chat' && dialect.limitName !== undefined ? dialect.limitName : names.at(-1);
  if (preferred === undefined) return { set: {}, remove: [] };
  const given = names.filter((name) => countOf(wire.json[name]) !== undefined);
  const set: Record<string, Json> = {};
  if (bound !== undefined)
    // Whatever stands there under one of the names is written anew: `-1` and `"9000"` mean something to some servers, and
    // of a name that stands there twice they may take the first.
    for (const name of boundNames)
      if (name in wire.json && wire.json[name] !== null)
        set[name] = Math.min(bound, countOf(wire.json[name]) ?? bound);
  if (given.length === 0) {
    const limit = Math.min(limitIn(params) ?? Number.POSITIVE_INFINITY, bound ?? Number.POSITIVE_INFINITY);
    return { set: { ...set, ...(Number.isFinite(limit) ? { [preferred]: limit } : {}) }, remove: [] };
  }
  const renames = dialect.renamesLimit === true && given.includes('max_tokens') && reasoningModel.test(model);
  if (!renames) return { set, remove: [] };
  const { max_tokens: limit = wire.json['max_tokens'], ...others } = set;
  // Both given: the newer name stands, as it does upstream.
  const moved = given.includes('max_completion_tokens') ? {} : { max_completion_tokens: limit as Json };
  return { set: { ...others, ...moved }, remove: ['max_tokens'] };
}

/** What makes an upstream tell the usage of a stream, where it does not do so by itself. */
function streamEdits({ wire, stream }: ForwardRequest, dialect: ForwardDialect): JsonObject {
  const { json, shape } = wire;
  const asked: JsonObject = stream === (json['stream'] === true) ? {} : { stream };
  if (!stream || dialect.usageInStreams === false) return asked;
  if (shape !== 'openai-chat' && shape !== 'openai-completions') return asked;
  const options = isJsonObject(json['stream_options']) ? json['stream_options'] : {};
  if (options['include_usage'] === true) return asked;
  return { ...asked, stream_options: { ...options, include_usage: true } };
}

/** The body as it goes to the upstream: that of the client but for the model's name and the fields that have to differ. */
export function forwardBody(request: ForwardRequest, dialect: ForwardDialect = {}): Buffer {
  const { wire, model, params, overrides } = request;
  const limits = limitEdits(request, dialect);
  const bytes = Buffer.isBuffer(wire.body) ? wire.body : Buffer.from(wire.body);
  return spliceJson(bytes, {
    set: { ...withoutOthers(overrides), ...limits.set, ...streamEdits(request, dialect), model },
    setAbsent: withoutOthers(params),
    remove: limits.remove,
  });
}
