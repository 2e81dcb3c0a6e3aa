import { z } from 'zod';
import type { Json } from '../../../base/index.ts';
import type { ReplayReport, SubmittedRun } from '../../../engine/runs/index.ts';
import type { HttpApp, RouteDeps } from '../http-deps.ts';

const tags = ['runs'];
const runId = z.string().min(1).max(100);
const byId = z.strictObject({ id: runId });
const json = z.unknown().describe('Any JSON.');

const wireDifferences = z.array(
  z.object({
    path: z.string().describe('Such as messages[0].content; empty for the whole.'),
    before: json.optional(),
    after: json.optional(),
  }),
);

const wireReplay = z
  .object({
    run_id: z.string(),
    against: z.enum(['recorded', 'current']),
    identical: z.boolean(),
    steps: z.number(),
    difference: z
      .object({
        reason: z.string(),
        step: z.string().nullable(),
        kind: z.string().nullable(),
        message: z.string(),
        differences: wireDifferences,
      })
      .nullable()
      .describe('The first one.'),
    definition_changes: wireDifferences,
  })
  .meta({ id: 'Replay' });

const wireNewRun = z
  .object({ run_id: z.string(), session_id: z.string().nullable(), origin_id: z.string() })
  .meta({ id: 'NewRun' });

function replayToWire(report: ReplayReport): z.output<typeof wireReplay> {
  const { runId: id, against, identical, steps, difference, definitionChanges } = report;
  return {
    run_id: id,
    against,
    identical,
    steps,
    difference: difference === null ? null : { ...difference, differences: [...difference.differences] },
    definition_changes: [...definitionChanges],
  };
}

function newRunToWire(origin: string, submitted: SubmittedRun): z.output<typeof wireNewRun> {
  return { run_id: submitted.runId, session_id: submitted.sessionId, origin_id: origin };
}

/** What can be done with a run afterwards: replay, fork, resume, retry, compare, export. */
export function addRunHistoryRoutes(app: HttpApp, deps: RouteDeps): void {
  const { runHistory } = deps;

  app.post(
    '/api/v1/runs/:id/replay',
    {
      config: { scopes: ['runs:read'] },
      schema: {
        tags,
        summary: 'Execute a run again from its journal alone',
        description: 'Calls nothing outside and writes nothing; names the first difference.',
        params: byId,
        body: z
          .strictObject({
            against: z
              .enum(['recorded', 'current'])
              .default('recorded')
              .describe('The definition that the run started with, or the one of today.'),
          })
          .nullish(),
        response: { 200: wireReplay },
      },
    },
    async (request) =>
      replayToWire(
        await runHistory.replay(request.scope, request.params.id, {
          against: request.body?.against ?? 'recorded',
        }),
      ),
  );

  app.post(
    '/api/v1/runs/:id/fork',
    {
      config: { scopes: ['runs:write'] },
      schema: {
        tags,
        summary: 'A new run that keeps what is not behind a step',
        params: byId,
        body: z.strictObject({
          from: z
            .string()
            .min(1)
            .max(500)
            .describe(
              'The first step to be done again: a key of the run, one of a child (`ask/model:2`), or the name of a loop.',
            ),
          set: z
            .record(z.string().min(1).max(500), json)
            .optional()
            .describe('inputs.NAME or steps.KEY.output → value.'),
          input: json.optional().describe('In place of the whole input.'),
          model: z
            .string()
            .min(1)
            .max(200)
            .optional()
            .describe("In place of the model of the agent, or the team's lead, whose step `from` names."),
          definition: z.enum(['recorded', 'current']).optional(),
          effects: z.boolean().optional().describe('May it change something outside? Default false.'),
          session: z.boolean().optional().describe("Is it part of its origin's session? Default false."),
        }),
        response: { 202: wireNewRun },
      },
    },
    async (request, reply) => {
      const { from, set, input, model, definition, effects, session } = request.body;
      const submitted = await runHistory.fork(request.scope, request.params.id, {
        from,
        ...(set === undefined ? {} : { set: set as Readonly<Record<string, Json>> }),
        ...(input === undefined ? {} : { input: input as Json }),
        ...(model === undefined ? {} : { model }),
        ...(definition === undefined ? {} : { definition }),
        ...(effects === undefined ? {} : { effects }),
        ...(session === undefined ? {} : { session }),
      });
      reply.code(202);
      return newRunToWire(request.params.id, submitted);
    },
  );

  for (const verb of ['resume', 'retry'] as const) {
    app.post(
      `/api/v1/runs/:id/${verb}`,
      {
        config: { scopes: ['runs:write'] },
        schema: {
          tags,
          summary:
            verb === 'resume'
              ? 'A new run that goes on where a failed or timed-out one stopped'
              : 'A new run of the same request with the definition of today',
          params: byId,
          response: { 202: wireNewRun },
        },
      },
      async (request, reply) => {
        const submitted = await runHistory[verb](request.scope, request.params.id);
        reply.code(202);
        return newRunToWire(request.params.id, submitted);
      },
    );
  }

  app.get(
    '/api/v1/runs/:id/diff/:other',
    {
      config: { scopes: ['runs:read'] },
      schema: {
        tags,
        summary: 'Two runs side by side, step by step',
        params: z.strictObject({ id: runId, other: runId }),
        response: { 200: z.unknown() },
      },
    },
    (request) => runHistory.diff(request.scope, request.params.id, request.params.other),
  );

  app.get(
    '/api/v1/runs/:id/cassette',
    {
      config: { scopes: ['runs:read'] },
      schema: {
        tags,
        summary: 'The run as a file that plays offline, without secrets',
        params: byId,
        querystring: z.strictObject({
          redact_pii: z
            .stringbool()
            .default(false)
            .describe('Take out e-mail addresses and telephone numbers, too.'),
        }),
        response: { 200: z.unknown() },
      },
    },
    (request) => runHistory.cassette(request.scope, request.params.id, { pii: request.query.redact_pii }),
  );
}
