import { z } from 'zod';
import type { Json } from '../../../base/index.ts';

const json = z.custom<Json>((value) => value !== undefined);
const jsonObject = z.record(z.string(), json);
const content = z.union([z.string(), z.array(jsonObject)], 'expected a text or a list of content blocks');

const counted = {
  model: z
    .string()
    .min(1)
    .max(300)
    .describe(
      'Name of an agent, `team/NAME`, `workflow/NAME`, a group of the model list, or `provider/model`.',
    ),
  messages: z.array(z.looseObject({ role: z.string(), content })).min(1, 'at least one message is needed'),
  system: content.nullish(),
  tools: z.array(jsonObject).max(512).nullish(),
  tool_choice: z.looseObject({ type: z.string(), name: z.string().nullish() }).nullish(),
  thinking: z.looseObject({ type: z.string() }).nullish(),
  output_config: z.looseObject({ format: jsonObject.nullish(), effort: z.string().nullish() }).nullish(),
  output_format: jsonObject.nullish(),
};

/** Body of `POST /v1/messages/count_tokens`. */
export const countRequest = z.looseObject(counted).meta({ id: 'CountTokensRequest' });

/** Body of `POST /v1/messages`. Fields that we do not know are ignored. */
export const messagesRequest = z
  .looseObject({
    ...counted,
    max_tokens: z.int().positive(),
    stream: z.boolean().nullish(),
    stop_sequences: z.array(z.string()).max(64).nullish(),
    temperature: z.number().min(0).max(2).nullish(),
    top_p: z.number().min(0).max(1).nullish(),
    top_k: z.int().min(0).nullish(),
    metadata: z.looseObject({ user_id: z.string().max(512).nullish() }).nullish(),
  })
  .meta({ id: 'MessagesRequest' });

export type MessagesRequest = z.output<typeof messagesRequest>;
export type CountRequest = z.output<typeof countRequest>;
