import { z } from 'zod';
import { modelName } from './deployment.ts';
import { durationMs } from './metadata.ts';

/** LiteLLM's names of strategies → ours. */
export const litellmStrategies = {
  'simple-shuffle': 'weighted-shuffle',
  'usage-based-routing': 'usage',
  'usage-based-routing-v2': 'usage',
  'latency-based-routing': 'latency',
  'cost-based-routing': 'cost',
} as const;

const strategyNames = ['weighted-shuffle', 'least-busy', 'usage', 'latency', 'cost', 'order'] as const;
type ForeignStrategy = keyof typeof litellmStrategies;
const foreignNames = Object.keys(litellmStrategies) as ForeignStrategy[];

const strategy = z
  .enum([...strategyNames, ...foreignNames])
  .transform(
    (name) => strategyNames.find((own) => own === name) ?? litellmStrategies[name as ForeignStrategy],
  )
  .describe('How one deployment is chosen among those that are left; names of LiteLLM are understood.');

const retries = z.int().min(0).max(100).optional();
const fails = z.int().min(0).max(1_000_000).optional();

const retryPolicy = z.strictObject({
  BadRequest: retries,
  Authentication: retries,
  Timeout: retries,
  RateLimit: retries,
  ContentPolicyViolation: retries,
  ContextWindowExceeded: retries,
  InternalServer: retries,
  ServiceUnavailable: retries,
  NotFound: retries,
  Default: retries,
});

const allowedFailsPolicy = z.strictObject({
  BadRequest: fails,
  Authentication: fails,
  Timeout: fails,
  RateLimit: fails,
  ContentPolicyViolation: fails,
  ContextWindowExceeded: fails,
  InternalServer: fails,
  ServiceUnavailable: fails,
  NotFound: fails,
});

const fallbackTarget = z.union([
  modelName.transform((model) => ({ model, params: {} as Record<string, unknown> })),
  z.strictObject({
    model: modelName,
    params: z.record(z.string(), z.unknown()).default({}).describe('Parameters that it overrides.'),
  }),
]);

const fallbackTargets = z.union([fallbackTarget.transform((one) => [one]), z.array(fallbackTarget).max(100)]);
const fallbackMap = z.record(z.string().min(1).max(256), fallbackTargets);

/** Group → where to go instead; LiteLLM's list of maps is understood too. */
const fallbacks = z.union([fallbackMap, z.array(fallbackMap).max(1000)]).transform((value, context) => {
  if (!Array.isArray(value)) return value;
  const merged: z.output<typeof fallbackMap> = {};
  for (const [index, map] of value.entries())
    for (const [name, targets] of Object.entries(map)) {
      if (Object.hasOwn(merged, name))
        context.addIssue({ code: 'custom', path: [index, name], message: `"${name}" stands here twice` });
      merged[name] = targets;
    }
  return merged;
});

/** How calls are distributed, retried and moved elsewhere. What is left out has a default. */
export const routerSpec = z
  .strictObject({
    strategy: strategy.optional(),
    retries: retries.describe('Attempts after the first, over all deployments of a group.'),
    retryPolicy: retryPolicy.optional().describe('Number of retries by class of error.'),
    groupRetryPolicies: z.record(modelName, retryPolicy).optional().describe('The same for one group.'),
    allowedFails: fails.describe('Failures within a cool-down before a deployment is cooled down.'),
    allowedFailsPolicy: allowedFailsPolicy.optional(),
    cooldown: durationMs.optional(),
    disableCooldowns: z.boolean().optional(),
    retryAfter: durationMs.optional().describe('Shortest wait before a retry at the same deployment.'),
    fallbacks: fallbacks.optional(),
    contextWindowFallbacks: fallbacks.optional(),
    contentPolicyFallbacks: fallbacks.optional(),
    defaultFallbacks: fallbackTargets.optional(),
    maxFallbacks: z.int().min(0).max(100).optional(),
    preCallChecks: z
      .boolean()
      .optional()
      .describe('Context window, region and order are looked at before the choice.'),
    tagFiltering: z.boolean().optional(),
    tagMatch: z.enum(['any', 'all']).optional(),
    tagFailOpen: z.boolean().optional(),
    groupTags: z
      .record(
        modelName,
        z.strictObject({ filtering: z.boolean().optional(), failOpen: z.boolean().optional() }),
      )
      .optional()
      .describe('tagFiltering and tagFailOpen of one group, whatever the router says.'),
    timeout: durationMs.optional().describe('The whole call: all attempts and fallbacks together.'),
  })
  .describe('How calls are distributed, retried and moved elsewhere.');

export type RouterSpec = z.output<typeof routerSpec>;
