import type { Json, JsonObject } from '../../../base/index.ts';
import { boundExtra } from './bound-extra.ts';
import type { ModelRequest, ModelSettings, WireRequest } from '../provider.ts';

type Request = Omit<ModelRequest, 'model'>;

const words: Readonly<Record<string, keyof ModelSettings>> = {
  temperature: 'temperature',
  max_tokens: 'maxTokens',
  max_completion_tokens: 'maxTokens',
  maxTokens: 'maxTokens',
  top_p: 'topP',
  topP: 'topP',
  seed: 'seed',
  stop: 'stop',
  frequency_penalty: 'frequencyPenalty',
  frequencyPenalty: 'frequencyPenalty',
  presence_penalty: 'presencePenalty',
  presencePenalty: 'presencePenalty',
};

interface Read {
  readonly settings: Readonly<Record<string, unknown>>;
  readonly extra: Readonly<Record<string, Json>>;
}

/** Parameters of OpenAI's API in our own words; `extra`: those that have none. */
function inOwnWords(params: JsonObject): Read {
  const settings: Record<string, unknown> = {};
  const extra: Record<string, Json> = {};
  for (const [name, value] of Object.entries(params)) {
    if (name === 'stream' || name === 'stream_options') continue;
    const word = words[name];
    if (word === undefined) extra[name] = value ?? null;
    else settings[word] = word === 'stop' && typeof value === 'string' ? [value] : value;
  }
  return { settings, extra };
}

/** What stands around a request. */
interface AroundRequest {
  readonly params: JsonObject;
  readonly overrides?: JsonObject;
  readonly maxOutputTokens: number | undefined;
}

/**
 * The request with parameters under it, which it may set otherwise, and overrides above it. The bound of the output is
 * kept whatever they say.
 */
export function withParams(request: Request, around: AroundRequest): Request {
  const { params, overrides = {}, maxOutputTokens } = around;
  const under = inOwnWords(params);
  const above = inOwnWords(overrides);
  const isEmpty = (fields: object): boolean => Object.keys(fields).length === 0;
  const said = [under.settings, under.extra, above.settings, above.extra];
  if (maxOutputTokens === undefined && said.every(isEmpty)) return request;
  const settings: ModelSettings = { ...under.settings, ...request.settings, ...above.settings };
  const extra = { ...under.extra, ...request.extra, ...above.extra };
  const bound =
    maxOutputTokens === undefined
      ? {}
      : { maxTokens: Math.min(maxOutputTokens, settings.maxTokens ?? maxOutputTokens) };
  return {
    ...request,
    settings: { ...settings, ...bound },
    ...(isEmpty(extra)
      ? {}
      : { extra: maxOutputTokens === undefined ? extra : boundExtra(extra, maxOutputTokens) }),
  };
}

const limitNames = ['max_completion_tokens', 'max_output_tokens', 'max_tokens'];

/** A request as it came with overrides above it; other names for a limit that is overridden go. */
export function overridden(wire: WireRequest, overrides: JsonObject | undefined): WireRequest {
  if (overrides === undefined) return wire;
  const limits = limitNames.some((name) => name in overrides);
  const kept = Object.entries(wire.json).filter(([name]) => !limits || !limitNames.includes(name));
  const json = { ...Object.fromEntries(kept), ...overrides };
  return { ...wire, json, body: Buffer.from(JSON.stringify(json)) };
}
