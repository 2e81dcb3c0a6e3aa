import { z } from 'zod';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../../../base/index.ts';
import { startCallerWait } from '../caller-wait.ts';
import type { HttpApp, RouteDeps } from '../http-deps.ts';
import { noteError } from '../problem.ts';
import { SseStream, type SseEvent } from '../sse-stream.ts';
import { TreeCursor } from '../tree-cursor.ts';

const sequence = z.coerce.number().int().min(0);

/** Where a watcher of one run goes on. */
function sequenceOf(cursor: string): number {
  const parsed = sequence.safeParse(cursor);
  if (parsed.success) return parsed.data;
  throw new AppError('invalid_request', 'Last-Event-ID: expected the id of an earlier event');
}

/** Events of runs as server-sent events. */
export function addRunEventRoutes(app: HttpApp, deps: RouteDeps): void {
  const { runs, runStore } = deps;

  async function* eventsOf(request: FastifyRequest, runId: string, after: string, signal: AbortSignal) {
    const cursor = sequenceOf(after);
    for await (const stored of runs.events(request.scope, runId, { after: cursor, signal }))
      yield { id: stored.sequence, event: stored.event.type, data: JSON.stringify(stored.event) };
  }

  async function* treeEventsOf(request: FastifyRequest, runId: string, after: string, signal: AbortSignal) {
    const cursor = TreeCursor.parse(after);
    for await (const stored of runs.treeEvents(request.scope, runId, { after: cursor.positions, signal })) {
      const { runId: of, sequence: at, at: time, event } = stored;
      cursor.moveTo(of, at);
      const data = JSON.stringify({ run_id: of, sequence: at, at: time, event });
      yield { id: cursor.toString(), event: event.type, data };
    }
  }

  async function send(
    request: FastifyRequest,
    reply: FastifyReply,
    runId: string,
    open: (signal: AbortSignal) => AsyncIterable<SseEvent>,
  ): Promise<FastifyReply> {
    const wait = startCallerWait(deps, reply);
    const signal = AbortSignal.any([wait.signal, deps.lifetime.closing]);
    const stream = new SseStream(reply, deps.clock);
    try {
      // Asked before the answer begins, so that an unknown run is a 404.
      await runStore.get(request.scope, runId);
      stream.open();
      for await (const event of open(signal)) await stream.send(event);
    } catch (error) {
      if (!stream.opened) throw error;
      // The watcher connects again and goes on after the last event it has seen.
      if (!signal.aborted) noteError(error, request, deps.logger);
    } finally {
      stream.end();
      wait.clear();
    }
    return reply;
  }

  app.get(
    '/api/v1/runs/:id/events',
    {
      config: { scopes: ['runs:read'] },
      schema: {
        tags: ['runs'],
        summary: 'What happens in a run, as server-sent events',
        description:
          'The id of an event is its sequence; `Last-Event-ID` goes on after it. Ends after `run-end`. With `tree` the events of all runs below it come too, each as `{run_id, sequence, at, event}`; the id then says where each run is, and it ends after the `run-end` of the run itself.',
        params: z.strictObject({ id: z.string().min(1).max(100) }),
        querystring: z.strictObject({
          after: z.string().max(8000).default('0').describe('Id of the last event seen; 0: all.'),
          tree: z.stringbool().default(false).describe('With all runs below it.'),
        }),
      },
    },
    (request, reply) => {
      const { id } = request.params;
      const { tree, after } = request.query;
      // Browsers send the header by themselves.
      const given = request.headers['last-event-id'] ?? after;
      const cursor = Array.isArray(given) ? (given[0] ?? '0') : given;
      // Refused before the answer begins.
      if (tree) TreeCursor.parse(cursor);
      else sequenceOf(cursor);
      return send(request, reply, id, (signal) =>
        tree ? treeEventsOf(request, id, cursor, signal) : eventsOf(request, id, cursor, signal),
      );
    },
  );
}
