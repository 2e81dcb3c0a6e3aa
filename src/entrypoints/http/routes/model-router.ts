import { z } from 'zod';
import { toAppError } from '../../../base/index.ts';
import type { DeploymentState, RouteStep } from '../../../capabilities/models/index.ts';
import { startCallerWait } from '../caller-wait.ts';
import type { HttpApp, RouteDeps } from '../http-deps.ts';

const tags = ['models'];
/** Long enough for a model that has to be loaded first. */
const testTimeoutMs = 60_000;

const wireDeployment = z
  .object({
    id: z.string(),
    group: z.string(),
    provider: z.string(),
    model: z.string(),
    weight: z.number().nullable(),
    order: z.number().nullable(),
    tags: z.array(z.string()),
    limits: z.object({
      rpm: z.number().nullable(),
      tpm: z.number().nullable(),
      parallel: z.number().nullable(),
    }),
    price: z
      .object({ input_per_million: z.number(), output_per_million: z.number() })
      .nullable()
      .describe('USD; null where it is unknown.'),
    in_flight: z.number(),
    cooling_until: z.string().nullable(),
    last_error: z.object({ code: z.string(), message: z.string(), at: z.string() }).nullable(),
    requests: z.number().describe('Within the last minute.'),
    failures: z.number(),
    first_token_ms: z.number().nullable().describe('Moving average.'),
    ms_per_token: z.number().nullable(),
  })
  .meta({ id: 'Deployment' });

const wireStep = z
  .object({
    group: z.string(),
    reason: z.string(),
    strategy: z.string(),
    considered: z.array(
      z.object({ deployment: z.string(), verdict: z.string(), detail: z.string().nullable() }),
    ),
    picked: z.string().nullable(),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    waited_ms: z.number().nullable(),
  })
  .meta({ id: 'RouteStep' });

const wireTest = z
  .object({
    deployment: z.string(),
    ok: z.boolean(),
    latency_ms: z.number(),
    model: z.string().nullable(),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
  })
  .meta({ id: 'DeploymentTest' });

const isoOf = (ms: number): string => new Date(ms).toISOString();

function toWireDeployment(state: DeploymentState): z.output<typeof wireDeployment> {
  const { deployment, lastError } = state;
  const { limits, price } = deployment;
  return {
    id: deployment.id,
    group: deployment.group,
    provider: deployment.providerKind,
    model: deployment.model,
    weight: deployment.weight ?? null,
    order: deployment.order ?? null,
    tags: [...deployment.tags],
    limits: { rpm: limits.rpm ?? null, tpm: limits.tpm ?? null, parallel: limits.parallel ?? null },
    price:
      price === undefined
        ? null
        : { input_per_million: price.inputPerMillion, output_per_million: price.outputPerMillion },
    in_flight: state.inFlight,
    cooling_until: state.coolingUntilMs === undefined ? null : isoOf(state.coolingUntilMs),
    last_error:
      lastError === undefined
        ? null
        : { code: lastError.code, message: lastError.message, at: isoOf(lastError.atMs) },
    requests: state.requests,
    failures: state.failures,
    first_token_ms: state.firstTokenMs ?? null,
    ms_per_token: state.msPerToken ?? null,
  };
}

const toWireStep = (step: RouteStep): z.output<typeof wireStep> => ({
  group: step.group,
  reason: step.reason,
  strategy: step.strategy,
  considered: step.considered.map(({ deployment, verdict, detail }) => ({
    deployment,
    verdict,
    detail: detail ?? null,
  })),
  picked: step.picked ?? null,
  error: step.error ?? null,
  waited_ms: step.waitedMs ?? null,
});

/** Models, their deployments, and the way that calls take among them. */
export function addModelRouterRoutes(app: HttpApp, deps: RouteDeps): void {
  const { models, gateway, clock } = deps;
  app.get(
    '/api/v1/models/router',
    {
      config: { scopes: ['models:read'] },
      schema: {
        tags,
        summary: 'Groups, deployments and how they are doing',
        response: {
          200: z.object({
            default: z.string(),
            offline: z.boolean(),
            groups: z.array(z.string()),
            aliases: z.record(z.string(), z.string()),
            deployments: z.array(wireDeployment),
            notes: z.array(z.string()).describe('What was written in the model list but is not used.'),
          }),
        },
      },
    },
    () => {
      const { groups, aliases, notes } = gateway.list();
      const { defaultModel, offline } = models.status();
      return {
        default: defaultModel,
        offline,
        groups: [...groups.keys()],
        aliases: Object.fromEntries(aliases),
        deployments: gateway.states().map(toWireDeployment),
        notes: [...notes],
      };
    },
  );

  app.get(
    '/api/v1/models/router/explain',
    {
      config: { scopes: ['models:read'] },
      schema: {
        tags,
        summary: 'Who would be called for a model now, and why',
        description: 'Calls nobody and counts nothing.',
        querystring: z.object({
          model: z.string().min(1).describe('A group, an alias, a deployment or `provider/model`.'),
          tags: z.string().optional().describe('Tags of the request, separated by commas.'),
        }),
        response: { 200: z.object({ model: z.string(), steps: z.array(wireStep) }) },
      },
    },
    async (request) => {
      const { model, tags: asked } = request.query;
      const named = asked?.split(',').map((tag) => tag.trim()) ?? [];
      const steps = await gateway.explain({
        model,
        caller: {
          scope: request.scope,
          requestId: request.id,
          tags: named.filter((tag) => tag !== ''),
        },
      });
      return { model, steps: steps.map(toWireStep) };
    },
  );

  app.delete(
    '/api/v1/models/cache',
    {
      config: { scopes: ['admin'] },
      schema: {
        tags,
        summary: 'Forgets the answers that are kept',
        description: "Those of the caller's tenant. Answers that are on their way may still be kept.",
      },
    },
    async (request, reply) => {
      await gateway.clearCache(request.scope.tenant);
      return reply.code(204).send();
    },
  );

  app.post(
    '/api/v1/models/router/test',
    {
      config: { scopes: ['models:invoke'] },
      schema: {
        tags,
        summary: 'Asks each deployment of a model for one word',
        description: 'Real calls: they cost what such calls cost.',
        body: z.strictObject({
          model: z.string().min(1).describe('A group, an alias, a deployment or `provider/model`.'),
        }),
        response: { 200: z.object({ items: z.array(wireTest) }) },
      },
    },
    async (request, reply) => {
      const { model } = request.body;
      const { groups, aliases } = gateway.list();
      const members = groups.get(aliases.get(model) ?? model);
      const names = members?.map(({ id }) => id) ?? [model];
      const wait = startCallerWait(deps, reply);
      const testOne = async (deployment: string): Promise<z.output<typeof wireTest>> => {
        const startedMs = clock.now();
        try {
          const answer = await models.complete(
            { name: deployment },
            {
              messages: [{ role: 'user', content: 'Answer with the word "ok".' }],
              settings: { maxTokens: 16 },
            },
            {
              signal: wait.signal,
              caller: { scope: request.scope, requestId: request.id },
              routing: { numRetries: 0, timeoutMs: testTimeoutMs, cache: { noCache: true, noStore: true } },
            },
          );
          return {
            deployment,
            ok: true,
            latency_ms: clock.now() - startedMs,
            model: answer.model,
            error: null,
          };
        } catch (error) {
          const { code, message } = toAppError(error);
          return {
            deployment,
            ok: false,
            latency_ms: clock.now() - startedMs,
            model: null,
            error: { code, message },
          };
        }
      };
      try {
        return { items: await Promise.all(names.map(testOne)) };
      } finally {
        wait.clear();
      }
    },
  );
}
