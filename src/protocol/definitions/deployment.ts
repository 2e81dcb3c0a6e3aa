import { z } from 'zod';
import { budgetSpec } from './budget.ts';
import { durationMs } from './metadata.ts';
import { modelPrice } from './model-price.ts';

/** Names of models, groups and aliases: anything printable. */
export const modelName = z
  .string()
  .min(1)
  .max(256)
  .regex(/^\P{Cc}+$/u, 'expected a name without control characters');

const count = z.int().min(0).max(1_000_000_000);

const deploymentFields = z.strictObject({
  id: z
    .string()
    .regex(/^[\x21-\x7e]{1,128}$/, 'expected 1 to 128 printable ASCII characters without spaces')
    .optional()
    .describe('Name of this one deployment; made from its settings when left out.'),
  provider: z
    .string()
    .min(1)
    .max(64)
    .optional()
    .describe('openai, azure, anthropic, google, ollama, …, or one that a plugin brings.'),
  model: modelName.describe("The provider's own name, or `provider/model`."),
  apiKey: z
    .string()
    .min(1)
    .optional()
    .describe('os.environ/NAME, ${NAME}, secret:provider:field, or the key itself.'),
  baseUrl: z
    .string()
    .min(1)
    .optional()
    .describe('Address of the server; a key of the environment never goes to an address given here.'),
  apiVersion: z.string().min(1).optional(),
  organization: z.string().min(1).optional(),
  headers: z.record(z.string(), z.string()).default({}).describe('Sent with each request.'),
  config: z.record(z.string(), z.unknown()).default({}).describe("The provider's other settings."),
  params: z
    .record(z.string(), z.unknown())
    .default({})
    .describe('Parameters that a request gets unless it sets them itself, such as temperature.'),
  weight: z.number().nonnegative().optional().describe('Share of the calls; 1 when left out.'),
  order: z.int().optional().describe('Lowest first.'),
  rpm: count.optional().describe('Requests per minute.'),
  tpm: count.optional().describe('Tokens per minute.'),
  maxParallel: count.optional().describe('Calls at the same time.'),
  budgets: z.array(budgetSpec).max(20).default([]).describe('Money that may be spent on it.'),
  timeouts: z
    .strictObject({
      connect: durationMs.optional().describe('Until a connection stands: name, TCP and TLS. Default 10s.'),
      firstToken: durationMs.optional().describe('Until the answer begins.'),
      idle: durationMs.optional().describe('Longest silence within the answer.'),
      total: durationMs.optional().describe('The whole attempt.'),
    })
    .prefault({}),
  price: modelPrice.optional(),
  tags: z.array(z.string().min(1).max(256)).max(100).default([]),
  tagRegex: z
    .array(z.string().min(1).max(1000))
    .max(100)
    .default([])
    .describe('Patterns over "User-Agent: …" (RE2).'),
  region: z.string().min(1).max(64).optional(),
  contextWindow: count.optional().describe('Most input tokens.'),
  maxOutputTokens: count.optional(),
  cooldown: durationMs.optional(),
  retries: z.int().min(0).max(100).optional(),
  mode: z.string().min(1).max(64).optional().describe('chat, embedding or rerank; anything when left out.'),
});

/** `provider/model` in its parts; a model without a provider has none. */
export function splitModel(name: string): readonly [provider: string | undefined, model: string] {
  const slash = name.indexOf('/');
  return slash <= 0 || slash === name.length - 1
    ? [undefined, name]
    : [name.slice(0, slash), name.slice(slash + 1)];
}

/** One entry of the model list, or `provider/model` for short. */
export const deploymentSpec = z
  .union([modelName.transform((model) => deploymentFields.parse({ model })), deploymentFields])
  .transform((value, context) => {
    const { provider: named, ...rest } = value;
    const [provider, model] = named === undefined ? splitModel(value.model) : [named, value.model];
    if (provider !== undefined) return { ...rest, provider, model };
    context.addIssue({
      code: 'custom',
      message: `"${model}" names no provider; write "provider/model", or provider and model apart`,
    });
    return z.NEVER;
  })
  .describe('A model of a provider, with its key, limits and price.');

export type DeploymentSpec = z.output<typeof deploymentSpec>;
