import { isJsonObject, type Json, type JsonObject } from '../../../base/index.ts';
import type { ModelInfo } from '../provider.ts';

const numberOf = (...values: readonly (Json | undefined)[]): number | undefined =>
  values.find((value) => typeof value === 'number');

function capabilitiesOf(model: JsonObject): readonly string[] | undefined {
  const { capabilities } = model;
  if (Array.isArray(capabilities))
    return (capabilities as readonly Json[]).filter((one) => typeof one === 'string');
  if (!isJsonObject(capabilities)) return undefined;
  return Object.entries(capabilities).flatMap(([name, has]) => (has === true ? [name] : []));
}

/** The models of `GET /models`, with the sizes that the servers tell under several names. */
export function readOpenAIModels(body: unknown, provider: string): ModelInfo[] {
  const list = isJsonObject(body) ? body['data'] : body;
  if (!Array.isArray(list)) throw new SyntaxError('no list of models');
  return (list as unknown[]).filter(isJsonObject).flatMap((model) => {
    const top = isJsonObject(model['top_provider']) ? model['top_provider'] : {};
    const contextWindow = numberOf(
      model['context_length'],
      model['max_model_len'],
      model['context_window'],
      model['max_context_length'],
    );
    const maxOutputTokens = numberOf(model['max_completion_tokens'], top['max_completion_tokens']);
    const capabilities = capabilitiesOf(model);
    return typeof model['id'] === 'string'
      ? [
          {
            id: model['id'],
            provider,
            ...(contextWindow === undefined ? {} : { contextWindow }),
            ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
            ...(capabilities === undefined || capabilities.length === 0 ? {} : { capabilities }),
          },
        ]
      : [];
  });
}
