import { z } from 'zod';
import { deploymentSpec, modelName } from './deployment.ts';
import { definitionVersion, durationMs, metadata } from './metadata.ts';
import { modelCache } from './model-cache.ts';
import { modelGuards } from './model-guards.ts';
import { modelLimits } from './model-limits.ts';
import { modelPrice } from './model-price.ts';
import { routerSpec } from './router.ts';

/** The model list, wherever it is written. */
const modelListFields = {
  groups: z
    .record(modelName, z.array(deploymentSpec).min(1).max(1000))
    .default({})
    .describe('Public name → the deployments that share it.'),
  aliases: z.record(modelName, modelName).default({}).describe('Another name → group, deployment or model.'),
  router: routerSpec.prefault({}),
};

/** `spec.models` of the project. */
export const projectModels = z
  .strictObject({
    default: z.string().min(1).optional().describe('Model of agents that name none.'),
    background: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Model for what chat clients ask on their own: titles, tags. The one they name when left out.',
      ),
    prefixes: z
      .record(z.string(), z.string())
      .default({})
      .describe('Model-name prefix → provider, before the built-in rules.'),
    prices: z
      .record(z.string(), modelPrice)
      .default({})
      .describe('USD per million tokens, by model name or `provider/model`.'),
    litellm: z
      .string()
      .min(1)
      .optional()
      .describe('A LiteLLM configuration that is read as it is; the path is relative to the project.'),
    ...modelListFields,
    limits: modelLimits.default([]),
    cache: modelCache.optional(),
    guards: modelGuards.optional(),
    usage: z
      .strictObject({
        retention: durationMs.default(400 * 86_400_000).describe('How long usage rows are kept.'),
      })
      .prefault({}),
  })
  .prefault({});

/** `kind: ModelRouter`: a part of the model list. */
export const modelRouterDefinition = z
  .strictObject({
    apiVersion: z.literal(definitionVersion),
    kind: z.literal('ModelRouter'),
    metadata,
    spec: z.strictObject({ description: z.string().max(2000).default(''), ...modelListFields }),
  })
  .describe('Groups of models and how calls are distributed among them.');

export type ProjectModels = z.output<typeof projectModels>;
export type ModelRouterDefinition = z.output<typeof modelRouterDefinition>;
