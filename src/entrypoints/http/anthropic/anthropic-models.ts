import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { WireModel } from '../openai/model-list.ts';

/** A model as clients of Anthropic know it. */
export const anthropicModel = z
  .object({
    type: z.literal('model'),
    id: z.string(),
    display_name: z.string(),
    created_at: z.string(),
    capabilities: z.null(),
    deprecated_at: z.null(),
    lifecycle: z.literal('active'),
    line: z.null(),
    max_input_tokens: z.null(),
    max_tokens: z.null(),
  })
  .meta({ id: 'AnthropicModel' });

type AnthropicModel = z.output<typeof anthropicModel>;

/** A page of models; all of them are on it. */
export const anthropicModels = z
  .object({
    data: z.array(anthropicModel),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.literal(false),
  })
  .meta({ id: 'AnthropicModels' });

/** `/v1/models` is one address for two kinds of clients; those of Anthropic say which version of its API they speak. */
export function isAnthropicClient({ headers }: FastifyRequest): boolean {
  return headers['anthropic-version'] !== undefined;
}

/** A model in Anthropic's form. */
export function toAnthropicModel({ id, name, created }: WireModel): AnthropicModel {
  return {
    type: 'model',
    id,
    display_name: name,
    created_at: new Date(created * 1000).toISOString(),
    capabilities: null,
    deprecated_at: null,
    lifecycle: 'active',
    line: null,
    max_input_tokens: null,
    max_tokens: null,
  };
}

/** Models in Anthropic's form. */
export function toAnthropicModels(models: readonly WireModel[]): z.output<typeof anthropicModels> {
  const data = models.map(toAnthropicModel);
  return { data, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null, has_more: false };
}
