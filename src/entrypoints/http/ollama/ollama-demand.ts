import { isJsonObject, type JsonObject } from '../../../base/index.ts';
import type { ModelDemand } from '../model-door/model-demand.ts';
import { present } from '../model-door/present.ts';
import { messagesOfOllama, userMessage } from './ollama-messages.ts';
import type { OllamaChatRequest, OllamaGenerateRequest } from './ollama-request.ts';

type Common = Pick<OllamaChatRequest, 'options' | 'format' | 'think' | 'keep_alive'>;

/** Options that only some servers know, by the name under which they do. */
const ownOptions = ['num_ctx', 'top_k', 'min_p', 'repeat_penalty'] as const;

function commonDemand({
  options,
  format,
  think,
  keep_alive: keepAlive,
}: Common): Omit<ModelDemand, 'messages'> {
  const { num_predict: limit, stop } = options ?? {};
  const effort = typeof think === 'string' ? think : undefined;
  const extra: JsonObject = present({
    ...Object.fromEntries(ownOptions.map((name) => [name, options?.[name]])),
    think,
    keep_alive: keepAlive,
    reasoning_effort: effort,
  });
  return {
    settings: present({
      temperature: options?.temperature,
      // Negative: as much as there is room for.
      maxTokens: typeof limit === 'number' && limit > 0 ? limit : undefined,
      topP: options?.top_p,
      seed: options?.seed,
      stop: typeof stop === 'string' ? [stop] : stop,
      frequencyPenalty: options?.frequency_penalty,
      presencePenalty: options?.presence_penalty,
    }),
    ...(format === 'json' ? { responseFormat: { type: 'json' as const } } : {}),
    ...(isJsonObject(format) ? { responseFormat: { type: 'json' as const, schema: format } } : {}),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}

/** A chat as it goes to a model or an agent. Error: `invalid_request`, naming the field. */
export function chatDemand(body: OllamaChatRequest): ModelDemand {
  const tools = (body.tools ?? []).map(({ function: { name, description, parameters } }) => ({
    name,
    description: description ?? '',
    parameters: parameters ?? { type: 'object', properties: {} },
  }));
  return {
    messages: messagesOfOllama(body.messages ?? []),
    ...(tools.length === 0 ? {} : { tools }),
    ...commonDemand(body),
  };
}

/** A prompt as it goes to a model or an agent. */
export function generateDemand(body: OllamaGenerateRequest): ModelDemand {
  const { system, prompt, images } = body;
  return {
    messages: [
      ...(typeof system === 'string' && system !== '' ? [{ role: 'system' as const, content: system }] : []),
      userMessage(prompt ?? '', images ?? []),
    ],
    ...commonDemand(body),
  };
}
