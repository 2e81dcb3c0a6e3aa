import { z } from 'zod';
import type { HttpApp, RouteDeps } from '../http-deps.ts';

const wireWorker = z
  .object({
    id: z.string(),
    host: z.string(),
    pid: z.number(),
    roles: z
      .array(z.string())
      .describe('What it does: runs, deliveries, automation; empty: it only accepts.'),
    version: z.string().nullable(),
    concurrency: z.number().nullable().describe('Runs side by side at most.'),
    active_runs: z.number(),
    alive: z.boolean().describe('false: its heartbeat is too old; its runs are taken over.'),
    started_at: z.string(),
    heartbeat_at: z.string(),
    heartbeat_age_ms: z.number(),
  })
  .meta({ id: 'Worker' });

/** Processes of this installation. */
export function addWorkerRoutes(app: HttpApp, { workers }: RouteDeps): void {
  app.get(
    '/api/v1/workers',
    {
      config: { scopes: ['runs:read'] },
      schema: {
        tags: ['workers'],
        summary: 'Processes that work for this installation',
        response: { 200: z.object({ items: z.array(wireWorker) }) },
      },
    },
    async () => ({
      items: (await workers.list()).map((worker) => ({
        id: worker.id,
        host: worker.host,
        pid: worker.pid,
        roles: [...worker.roles],
        version: worker.version,
        concurrency: worker.concurrency,
        active_runs: worker.activeRuns,
        alive: worker.isAlive,
        started_at: worker.startedAt,
        heartbeat_at: worker.heartbeatAt,
        heartbeat_age_ms: worker.heartbeatAgeMs,
      })),
    }),
  );
}
