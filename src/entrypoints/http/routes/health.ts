import { z } from 'zod';
import type { HttpApp, RouteDeps } from '../http-deps.ts';

const tags = ['health'];

const wireHealth = z
  .object({
    status: z.enum(['healthy', 'degraded', 'unhealthy']),
    version: z.string(),
    services: z.record(z.string(), z.string()),
    details: z.record(z.string(), z.unknown()),
    model: z.object({
      default: z.string(),
      offline: z.boolean().describe('No language model is connected; the offline assistant answers.'),
      providers: z.array(z.unknown()),
    }),
  })
  .meta({ id: 'Health' });
const wireReadiness = z
  .object({ ready: z.boolean(), failing: z.array(z.string()) })
  .meta({ id: 'Readiness' });

/** Health for people, probes for machines, metrics. */
export function addHealthRoutes(
  app: HttpApp,
  {
    health,
    models,
    metrics,
  }: Pick<RouteDeps, 'health' | 'metrics'> & {
    readonly models: Pick<RouteDeps['models'], 'status'>;
  },
): void {
  app.get(
    '/health',
    {
      config: { public: true },
      exposeHeadRoute: true,
      schema: {
        tags,
        summary: 'State of the server and of everything it uses',
        response: { 200: wireHealth, 503: wireHealth },
      },
    },
    async (_request, reply) => {
      const report = await health.report();
      const { defaultModel, offline, providers } = models.status();
      reply.code(report.status === 'unhealthy' ? 503 : 200);
      return { ...report, model: { default: defaultModel, offline, providers: [...providers] } };
    },
  );

  app.get(
    '/healthz',
    {
      config: { public: true },
      exposeHeadRoute: true,
      schema: { tags, summary: 'Is the process alive?', response: { 200: z.object({ status: z.string() }) } },
    },
    () => ({ status: 'ok' }),
  );

  app.get(
    '/readyz',
    {
      config: { public: true },
      exposeHeadRoute: true,
      schema: {
        tags,
        summary: 'Can the process take work?',
        description: '503 with the names of what is missing when it cannot.',
        response: { 200: wireReadiness, 503: wireReadiness },
      },
    },
    async (_request, reply) => {
      const { ready, failing } = await health.ready();
      reply.code(ready ? 200 : 503);
      return { ready, failing: [...failing] };
    },
  );

  app.get(
    '/metrics',
    {
      config: { scopes: ['metrics:read'] },
      schema: { tags, summary: 'Metrics in the Prometheus text format' },
    },
    async (_request, reply) => {
      const text = await metrics.registry.metrics();
      return reply.type(metrics.registry.contentType).send(text);
    },
  );
}
