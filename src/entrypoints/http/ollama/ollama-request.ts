import { z } from 'zod';
import type { Json } from '../../../base/index.ts';

const json = z.custom<Json>((value) => value !== undefined);
const jsonObject = z.record(z.string(), json);

const options = z.looseObject({
  temperature: z.number().nullish(),
  num_predict: z.int().nullish(),
  top_p: z.number().nullish(),
  seed: z.int().nullish(),
  stop: z.union([z.string(), z.array(z.string()).max(64)]).nullish(),
  frequency_penalty: z.number().nullish(),
  presence_penalty: z.number().nullish(),
});

const model = z
  .string()
  .min(1)
  .max(300)
  .describe('As `GET /ollama/api/tags` lists it; `:latest` may be left out.');

const common = {
  model,
  stream: z.boolean().nullish().describe('Default true.'),
  format: z.union([z.enum(['json', '']), jsonObject], 'expected "json" or a JSON Schema').nullish(),
  options: options.nullish(),
  think: z.union([z.boolean(), z.string()]).nullish(),
  keep_alive: z.union([z.string(), z.number()]).nullish(),
};

/** Body of `POST /ollama/api/chat`. Fields that we do not know are ignored. */
export const chatRequest = z
  .looseObject({
    ...common,
    messages: z
      .array(
        z.looseObject({
          role: z.enum(['system', 'user', 'assistant', 'tool']),
          content: z.string().nullish(),
          thinking: z.string().nullish(),
          images: z.array(z.string()).nullish(),
          tool_calls: z
            .array(
              z.looseObject({
                id: z.string().nullish(),
                function: z.looseObject({ name: z.string(), arguments: jsonObject.nullish() }),
              }),
            )
            .nullish(),
          tool_name: z.string().nullish(),
          tool_call_id: z.string().nullish(),
        }),
      )
      .nullish(),
    tools: z
      .array(
        z.looseObject({
          function: z.looseObject({
            name: z.string().regex(/^[\w.-]{1,128}$/, 'expected 1 to 128 letters, digits, "_", "-" or "."'),
            description: z.string().nullish(),
            parameters: jsonObject.nullish(),
          }),
        }),
      )
      .max(512)
      .nullish(),
  })
  .meta({ id: 'OllamaChatRequest' });

/** Body of `POST /ollama/api/generate`. */
export const generateRequest = z
  .looseObject({
    ...common,
    prompt: z.string().nullish(),
    suffix: z.literal('', 'text is not filled in between two pieces here').nullish(),
    images: z.array(z.string()).nullish(),
    system: z.string().nullish(),
  })
  .meta({ id: 'OllamaGenerateRequest' });

/** Body of `POST /ollama/api/embed`. */
export const embedRequest = z
  .looseObject({
    model,
    input: z.union([z.string(), z.array(z.string()).max(2048)]),
    dimensions: z.int().positive().nullish(),
    truncate: z.boolean().nullish(),
  })
  .meta({ id: 'OllamaEmbedRequest' });

/** Body of `POST /ollama/api/embeddings`, the older form. */
export const embeddingsRequest = z
  .looseObject({ model, prompt: z.string() })
  .meta({ id: 'OllamaEmbeddingsRequest' });

/** Body of `POST /ollama/api/show`; older clients write `name`. */
export const namedRequest = z
  .looseObject({ model: model.nullish(), name: model.nullish(), stream: z.boolean().nullish() })
  .refine((body) => (body.model ?? body.name) !== undefined, { path: ['model'], error: 'expected a text' })
  .meta({ id: 'OllamaModelRequest' });

export type OllamaChatRequest = z.output<typeof chatRequest>;
export type OllamaGenerateRequest = z.output<typeof generateRequest>;
export type OllamaMessage = NonNullable<OllamaChatRequest['messages']>[number];
