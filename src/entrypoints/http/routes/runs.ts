import { z } from 'zod';
import type { Json } from '../../../base/index.ts';
import { runStatuses } from '../../../protocol/index.ts';
import type { HttpApp, RouteDeps } from '../http-deps.ts';
import { pageOf, pageQuery, pageToWire, runToWire, stepToWire, wireRun, wireStep } from '../wire.ts';

const tags = ['runs'];
const byId = z.strictObject({ id: z.string().min(1).max(100) });
/** Runs: lists, journals, and how to stop or signal one. */
export function addRunRoutes(app: HttpApp, deps: RouteDeps): void {
  const { runs, runStore, approvals } = deps;

  app.get(
    '/api/v1/runs',
    {
      config: { scopes: ['runs:read'] },
      schema: {
        tags,
        summary: 'Runs, the newest first',
        querystring: z.strictObject({
          ...pageQuery,
          status: z.enum(runStatuses).optional(),
          target_kind: z.enum(['agent', 'team', 'workflow']).optional(),
          target: z.string().max(64).optional().describe('Name of the agent, team or workflow.'),
          agent: z.string().max(64).optional().describe('Older name of `target`.'),
          session_id: z.string().max(100).optional(),
          parent: z.string().max(100).optional().describe('Only the children of this run.'),
          root: z.string().max(100).optional().describe('Only the descendants of this outermost run.'),
        }),
        response: { 200: pageOf(wireRun) },
      },
    },
    async (request) => {
      const { limit, cursor, status, agent, target = agent, session_id: sessionId } = request.query;
      const { target_kind: targetKind, parent, root } = request.query;
      const page = await runStore.list(request.scope, {
        limit,
        ...(cursor === undefined ? {} : { cursor }),
        ...(status === undefined ? {} : { status }),
        ...(targetKind === undefined ? {} : { targetKind }),
        ...(target === undefined ? {} : { target }),
        ...(parent === undefined ? {} : { parentRunId: parent }),
        ...(root === undefined ? {} : { rootRunId: root }),
        ...(sessionId === undefined ? {} : { sessionId }),
      });
      return pageToWire(page, runToWire);
    },
  );

  app.get(
    '/api/v1/runs/:id',
    {
      config: { scopes: ['runs:read'] },
      schema: {
        tags,
        summary: 'One run with its input and output',
        params: byId,
        response: {
          200: wireRun
            .extend({
              input: z.unknown(),
              output: z.unknown(),
              pending_approvals: z
                .array(z.string())
                .describe('What it and its children wait for people with.'),
            })
            .meta({ id: 'RunDetail' }),
        },
      },
    },
    async (request) => {
      const { scope, params } = request;
      const run = await runStore.get(scope, params.id);
      const { items } = await approvals.list(scope, { runId: run.id, status: 'pending', limit: 100 });
      const pending = items.map((approval) => approval.id);
      return { ...runToWire(run), input: run.input, output: run.output, pending_approvals: pending };
    },
  );

  app.get(
    '/api/v1/runs/:id/steps',
    {
      config: { scopes: ['runs:read'] },
      schema: {
        tags,
        summary: 'The journal of a run',
        description:
          'An output of more than 64 KiB is shown as `{"$blob": key, "bytes": n}` unless `full=true` asks for it.',
        params: byId,
        querystring: z.strictObject({ full: z.stringbool().default(false) }),
        response: { 200: z.object({ items: z.array(wireStep) }) },
      },
    },
    async (request) => ({
      items: (await runStore.steps(request.scope, request.params.id, request.query)).map(stepToWire),
    }),
  );

  app.post(
    '/api/v1/runs/:id/cancel',
    {
      config: { scopes: ['runs:write'] },
      schema: { tags, summary: 'End a run', params: byId, response: { 202: z.object({ id: z.string() }) } },
    },
    async (request, reply) => {
      await runs.cancel(request.scope, request.params.id);
      reply.code(202);
      return { id: request.params.id };
    },
  );

  app.post(
    '/api/v1/runs/:id/signals',
    {
      config: { scopes: ['runs:write'] },
      schema: {
        tags,
        summary: 'Tell a waiting run something',
        description: 'The same id twice has one effect.',
        params: byId,
        body: z.strictObject({
          id: z.string().min(1).max(100).optional(),
          name: z.string().min(1).max(200),
          payload: z.unknown().default(null),
        }),
        response: { 202: z.object({ id: z.string() }) },
      },
    },
    async (request, reply) => {
      const { id = deps.ids('sig'), name, payload } = request.body;
      await runs.signal(request.scope, request.params.id, { id, name, payload: payload as Json });
      reply.code(202);
      return { id };
    },
  );

  app.post(
    '/api/v1/runs/:id/signals/:name',
    {
      config: { scopes: ['runs:write'] },
      schema: {
        tags,
        summary: 'Tell a waiting run something, by the name it waits for',
        description: 'The same id twice has one effect.',
        params: byId.extend({ name: z.string().min(1).max(200) }),
        body: z.strictObject({
          id: z.string().min(1).max(100).optional(),
          payload: z.unknown().default(null),
        }),
        response: { 202: z.object({ id: z.string() }) },
      },
    },
    async (request, reply) => {
      const { id = deps.ids('sig'), payload } = request.body;
      const { id: runId, name } = request.params;
      await runs.signal(request.scope, runId, { id, name, payload: payload as Json });
      reply.code(202);
      return { id };
    },
  );
}
