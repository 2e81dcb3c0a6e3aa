import { z } from 'zod';
import type { HttpApp, RouteDeps } from '../http-deps.ts';
import { limitBody, limitToWire, wireLimit } from '../wire-limits.ts';

const tags = ['limits'];
const bySubject = z.strictObject({
  subject: z
    .string()
    .min(1)
    .max(300)
    .describe(
      'tenant, key:NAME, user:NAME, team:NAME, agent:NAME, tag:NAME, or key:* and so on for each of them.',
    ),
});
const own = 'All of the tenant with `usage:read`, else only those of the caller.';

/** Limits and budgets of those who call models. */
export function addLimitRoutes(app: HttpApp, { limits }: RouteDeps): void {
  app.get(
    '/api/v1/limits',
    {
      config: { scopes: [] },
      schema: {
        tags,
        summary: 'Limits and budgets, with what was used',
        description: own,
        response: { 200: z.object({ items: z.array(wireLimit) }) },
      },
    },
    async (request) => ({ items: (await limits.list(request.scope)).map(limitToWire) }),
  );

  app.get(
    '/api/v1/limits/:subject',
    {
      config: { scopes: [] },
      schema: {
        tags,
        summary: 'What holds for one subject, with what it used',
        description: own,
        params: bySubject,
        response: { 200: wireLimit },
      },
    },
    async (request) => limitToWire(await limits.get(request.scope, request.params.subject)),
  );

  app.put(
    '/api/v1/limits/:subject',
    {
      config: { scopes: ['limits:write'] },
      schema: {
        tags,
        summary: 'Set the limits of a subject',
        description:
          'They hold within a second in all processes. What is left out is inherited from `*` and from agent33.yaml; null lifts it.',
        params: bySubject,
        body: limitBody,
        response: { 200: wireLimit },
      },
    },
    async (request) => limitToWire(await limits.set(request.scope, request.params.subject, request.body)),
  );

  app.delete(
    '/api/v1/limits/:subject',
    {
      config: { scopes: ['limits:write'] },
      schema: {
        tags,
        summary: 'Remove limits that were set; those of agent33.yaml go on to hold',
        params: bySubject,
      },
    },
    async (request, reply) => {
      await limits.remove(request.scope, request.params.subject);
      return reply.code(204).send();
    },
  );

  app.post(
    '/api/v1/limits/:subject/reset',
    {
      config: { scopes: ['limits:write'] },
      schema: {
        tags,
        summary: 'Begin the budgets of a subject anew',
        description: 'What was spent in the present period counts as 0. Usage rows stay.',
        params: bySubject,
        response: { 200: wireLimit },
      },
    },
    async (request) => {
      const { subject } = request.params;
      await limits.reset(request.scope, subject);
      return limitToWire(await limits.get(request.scope, subject));
    },
  );
}
