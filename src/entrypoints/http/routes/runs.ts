import { z } from 'zod';
import { AppError, type Json } from '../../../base/index.ts';
import { runStatuses } from '../../../protocol/index.ts';
import { startCallerWait } from '../caller-wait.ts';
import type { HttpApp, RouteDeps } from '../http-deps.ts';
import { noteError } from '../problem.ts';
import { SseStream } from '../sse-stream.ts';
import { pageOf, pageQuery, pageToWire, runToWire, stepToWire, wireRun, wireStep } from '../wire.ts';

const tags = ['runs'];
const byId = z.strictObject({ id: z.string().min(1).max(100) });
const sequence = z.coerce.number().int().min(0);

/** Where a watcher goes on: `Last-Event-ID`, which browsers send by themselves, before `?after=`. */
function cursorOf(lastEventId: string | string[] | undefined, after: number): number {
  if (lastEventId === undefined) return after;
  const parsed = sequence.safeParse(lastEventId);
  if (parsed.success) return parsed.data;
  throw new AppError('invalid_request', 'Last-Event-ID: expected the id of an earlier event');
}

/** Runs: lists, journals, events, and how to stop or signal one. */
export function addRunRoutes(app: HttpApp, deps: RouteDeps): void {
  const { runs, runStore } = deps;

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
          agent: z.string().max(64).optional(),
          session_id: z.string().max(100).optional(),
        }),
        response: { 200: pageOf(wireRun) },
      },
    },
    async (request) => {
      const { limit, cursor, status, agent, session_id: sessionId } = request.query;
      const page = await runStore.list(request.scope, {
        limit,
        ...(cursor === undefined ? {} : { cursor }),
        ...(status === undefined ? {} : { status }),
        ...(agent === undefined ? {} : { target: agent }),
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
          200: wireRun.extend({ input: z.unknown(), output: z.unknown() }).meta({ id: 'RunDetail' }),
        },
      },
    },
    async (request) => {
      const run = await runStore.get(request.scope, request.params.id);
      return { ...runToWire(run), input: run.input, output: run.output };
    },
  );

  app.get(
    '/api/v1/runs/:id/steps',
    {
      config: { scopes: ['runs:read'] },
      schema: {
        tags,
        summary: 'The journal of a run',
        params: byId,
        response: { 200: z.object({ items: z.array(wireStep) }) },
      },
    },
    async (request) => ({
      items: (await runStore.steps(request.scope, request.params.id)).map(stepToWire),
    }),
  );

  app.get(
    '/api/v1/runs/:id/events',
    {
      config: { scopes: ['runs:read'] },
      schema: {
        tags,
        summary: 'What happens in a run, as server-sent events',
        description:
          'The id of an event is its sequence; `Last-Event-ID` goes on after it. Ends after `run-end`.',
        params: byId,
        querystring: z.strictObject({ after: sequence.default(0) }),
      },
    },
    async (request, reply) => {
      const after = cursorOf(request.headers['last-event-id'], request.query.after);
      const wait = startCallerWait(deps, reply);
      const signal = AbortSignal.any([wait.signal, deps.lifetime.closing]);
      const stream = new SseStream(reply, deps.clock);
      try {
        // Asked before the answer begins, so that an unknown run is a 404.
        await runStore.get(request.scope, request.params.id);
        stream.open();
        for await (const stored of runs.events(request.scope, request.params.id, { after, signal })) {
          const { sequence: id, event } = stored;
          await stream.send({ id, event: event.type, data: JSON.stringify(event) });
        }
      } catch (error) {
        if (!stream.opened) throw error;
        // The watcher connects again and goes on after the last event it has seen.
        if (!signal.aborted) noteError(error, request, deps.logger);
      } finally {
        stream.end();
        wait.clear();
      }
      return reply;
    },
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
}
