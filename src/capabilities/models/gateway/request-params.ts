import type { Json, JsonObject } from '../../../base/index.ts';
import { boundExtra } from './bound-extra.ts';
import type { ModelRequest, ModelSettings } from '../provider.ts';

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

/** The request with parameters under it: what it says itself stands. The bound of the output is kept whatever it says. */
export function withParams(
  request: Request,
  params: JsonObject,
  maxOutputTokens: number | undefined,
): Request {
  const entries = Object.entries(params).filter(([name]) => name !== 'stream' && name !== 'stream_options');
  if (entries.length === 0 && maxOutputTokens === undefined) return request;
  const settings: Record<string, unknown> = {};
  const extra: Record<string, Json> = {};
  for (const [name, value] of entries) {
    const word = words[name];
    if (word === undefined) extra[name] = value ?? null;
    else settings[word] = word === 'stop' && typeof value === 'string' ? [value] : value;
  }
  const merged: ModelSettings = { ...settings, ...request.settings };
  const bound =
    maxOutputTokens === undefined
      ? {}
      : { maxTokens: Math.min(maxOutputTokens, merged.maxTokens ?? maxOutputTokens) };
  const all = { ...extra, ...request.extra };
  return {
    ...request,
    settings: { ...merged, ...bound },
    ...(Object.keys(all).length === 0
      ? {}
      : { extra: maxOutputTokens === undefined ? all : boundExtra(all, maxOutputTokens) }),
  };
}
