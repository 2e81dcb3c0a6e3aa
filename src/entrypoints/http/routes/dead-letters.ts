import { z } from 'zod';
import { AppError, type JsonObject } from '../../../base/index.ts';
import {
  deadLetterKinds,
  type BulkResult,
  type DeadLetterSelection,
  type DeadLetterView,
} from '../../../engine/automation/index.ts';
import type { HttpApp, RouteDeps } from '../http-deps.ts';
import { pageOf, pageQuery, pageToWire } from '../wire.ts';

const tags = ['dead letters'];
const prefix = '/api/v1/dead-letters';
const byId = z.strictObject({ id: z.string().min(1).max(100) });
const readable = { scopes: ['runs:read'] as const };
const writable = { scopes: ['runs:write'] as const };

const wireError = z.object({ code: z.string(), message: z.string(), retryable: z.boolean() }).nullable();

const wireLetter = z.object({
  id: z.string(),
  kind: z.enum(deadLetterKinds),
  ref: z.string().describe('Run, response, `<schedule>@<slot>`, sensor or `<queue>:<job>`.'),
  reason: z.string(),
  error: wireError,
  status: z.enum(['open', 'retried', 'discarded', 'settled']),
  attempts: z.number().describe('Retries that were refused at once.'),
  created_at: z.string(),
  resolved_at: z.string().nullable(),
  resolved_by: z.string().nullable(),
  note: z.string().nullable().describe('Why it was discarded.'),
  new_run_id: z.string().nullable(),
});
const wireLetterItem = wireLetter.meta({ id: 'DeadLetter' });
const wireLetterDetail = wireLetter
  .extend({
    payload: z.unknown().describe('What a retry sends; `patch` replaces fields of it.'),
    subject: z.unknown().describe('What it is about.'),
  })
  .meta({ id: 'DeadLetterDetail' });

const filter = {
  kind: z.enum(deadLetterKinds).optional(),
  reason: z.string().min(1).max(200).optional().describe('Part of the reason.'),
  since: z.iso.datetime({ offset: true }).optional(),
};

const selection = {
  ids: z.array(z.string().min(1).max(100)).min(1).max(500).optional(),
  filter: z.strictObject(filter).optional().describe('Up to 500 open ones that fit; `{}` is all.'),
};

const wireBulk = z
  .object({
    results: z.array(
      z.object({ id: z.string(), ok: z.boolean(), run_id: z.string().nullable(), error: wireError }),
    ),
    more: z.boolean().describe('Further ones fit the filter.'),
  })
  .meta({ id: 'DeadLettersDone' });

function letterToWire(letter: DeadLetterView): z.output<typeof wireLetter> {
  return {
    id: letter.id,
    kind: letter.kind,
    ref: letter.ref,
    reason: letter.reason,
    error: letter.error,
    status: letter.status,
    attempts: letter.attempts,
    created_at: letter.createdAt,
    resolved_at: letter.resolvedAt,
    resolved_by: letter.resolvedBy,
    note: letter.note,
    new_run_id: letter.newRunId,
  };
}

function bulkToWire({ results, more }: BulkResult): z.output<typeof wireBulk> {
  return {
    results: results.map((one) => ({ id: one.id, ok: one.ok, run_id: one.runId, error: one.error })),
    more,
  };
}

function given(query: z.output<z.ZodObject<typeof filter>>) {
  return {
    ...(query.kind === undefined ? {} : { kind: query.kind }),
    ...(query.reason === undefined ? {} : { reason: query.reason }),
    ...(query.since === undefined ? {} : { since: query.since }),
  };
}

function selectionOf(body: z.output<z.ZodObject<typeof selection>>): DeadLetterSelection {
  if (body.ids !== undefined && body.filter === undefined) return { ids: body.ids };
  if (body.filter !== undefined && body.ids === undefined) return { filter: given(body.filter) };
  throw new AppError('invalid_request', 'expected either ids or filter');
}

/** The desk of what was given up: look, change, try again, discard. */
export function addDeadLetterRoutes(app: HttpApp, deps: RouteDeps): void {
  const desk = deps.automation.deadLetters;

  app.get(
    prefix,
    {
      config: readable,
      schema: {
        tags,
        summary: 'What was given up, the newest first',
        querystring: z.strictObject({
          ...pageQuery,
          ...filter,
          status: z.enum(['open', 'resolved', 'all']).default('open'),
        }),
        response: { 200: pageOf(wireLetterItem) },
      },
    },
    async (request) => {
      const { limit, cursor, status, ...rest } = request.query;
      const query = { ...given(rest), status, limit, ...(cursor === undefined ? {} : { cursor }) };
      return pageToWire(await desk.list(request.scope, query), letterToWire);
    },
  );

  app.get(
    `${prefix}/:id`,
    {
      config: readable,
      schema: { tags, summary: 'One dead letter and why', params: byId, response: { 200: wireLetterDetail } },
    },
    async (request) => {
      const letter = await desk.get(request.scope, request.params.id);
      return { ...letterToWire(letter), payload: letter.payload, subject: letter.subject };
    },
  );

  app.post(
    `${prefix}/:id/retry`,
    {
      config: writable,
      schema: {
        tags,
        summary: 'Try again, as it was or changed',
        params: byId,
        body: z
          .strictObject({
            patch: z
              .record(z.string(), z.unknown())
              .optional()
              .describe('Fields of the payload to replace; objects are merged, `null` takes a field away.'),
          })
          .nullish(),
        response: { 202: z.object({ id: z.string(), run_id: z.string().nullable() }) },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { runId } = await desk.retry(request.scope, id, request.body?.patch as JsonObject | undefined);
      reply.code(202);
      return { id, run_id: runId };
    },
  );

  app.post(
    `${prefix}/:id/discard`,
    {
      config: writable,
      schema: {
        tags,
        summary: 'Put aside for good',
        params: byId,
        body: z.strictObject({ reason: z.string().min(1).max(1000) }),
        response: { 200: wireLetterItem },
      },
    },
    async (request) => {
      await desk.discard(request.scope, request.params.id, request.body.reason);
      return letterToWire(await desk.get(request.scope, request.params.id));
    },
  );

  app.post(
    `${prefix}/retry`,
    {
      config: writable,
      schema: {
        tags,
        summary: 'Try many again',
        body: z.strictObject(selection),
        response: { 200: wireBulk },
      },
    },
    async (request) => bulkToWire(await desk.retryMany(request.scope, selectionOf(request.body))),
  );

  app.post(
    `${prefix}/discard`,
    {
      config: writable,
      schema: {
        tags,
        summary: 'Put many aside',
        body: z.strictObject({ ...selection, reason: z.string().min(1).max(1000) }),
        response: { 200: wireBulk },
      },
    },
    async (request) =>
      bulkToWire(await desk.discardMany(request.scope, selectionOf(request.body), request.body.reason)),
  );
}
