import { z } from 'zod';
import { parseDuration, type Json, type JsonObject } from '../../../base/index.ts';
import { runStatuses, type AgentResponse } from '../../../protocol/index.ts';
import type { HttpApp, RouteDeps } from '../http-deps.ts';
import { failureOf } from '../run-answer.ts';
import { responseWithin } from '../response-within.ts';
import { sessionKeyOf, streamRun, submitRun } from '../run-door.ts';
import { graphToWire, wireGraphParts } from '../wire-graph.ts';
import { usageToWire, wireUsage } from '../wire.ts';
import { addDefinitionRoutes, definitionSummary, wireDefinition } from './definition-routes.ts';

const prefix = '/api/v1/workflows';
const tags = ['workflows'];
const byId = z.strictObject({ id: z.string().min(1).max(64).describe('Name of the workflow.') });
const jsonObject = z.record(z.string(), z.unknown());
const longestWaitSeconds = 86_400;

const seconds = z.union([
  z.number().positive().max(2_000_000),
  z.string().transform((text, context) => {
    const milliseconds = parseDuration(text);
    if (milliseconds !== undefined && milliseconds > 0) return milliseconds / 1000;
    context.addIssue({ code: 'custom', message: 'expected seconds, or a duration such as "10m"' });
    return z.NEVER;
  }),
]);

const wireWorkflow = wireDefinition
  .extend({
    steps: z.number().describe('How many steps it has, those of groups included.'),
    inputs: jsonObject.describe('By name: a JSON Schema, or only a type.'),
    outputs: z.array(z.string()).nullable().describe('Names; null: what its emit_output steps give.'),
  })
  .meta({ id: 'Workflow' });

const wireDefinitionGraph = z.object(wireGraphParts).meta({ id: 'WorkflowGraph' });

const startedRun = z
  .object({
    run_id: z.string(),
    status: z.enum(runStatuses),
    session_id: z.string().nullable(),
    location: z.string().describe('Where the run is shown.'),
  })
  .meta({ id: 'StartedRun' });
const workflowAnswer = z
  .object({
    run_id: z.string(),
    status: z.literal('completed'),
    output: z.unknown(),
    session_id: z.string().nullable(),
    execution_time_ms: z.number(),
    usage: wireUsage,
  })
  .meta({ id: 'WorkflowAnswer' });

interface Steps {
  readonly steps?: readonly Steps[] | undefined;
  readonly else?: readonly Steps[] | undefined;
}

/** How many steps there are, those of groups included. */
function countSteps(list: readonly Steps[] = []): number {
  return list.reduce((sum, step) => sum + 1 + countSteps(step.steps) + countSteps(step.else), 0);
}

function answerOf(response: AgentResponse): z.output<typeof workflowAnswer> {
  return {
    run_id: response.runId,
    status: 'completed',
    output: response.output,
    session_id: response.sessionId,
    execution_time_ms: response.executionTimeMs,
    usage: usageToWire(response.usage),
  };
}

/** Seconds for which a caller waits; 0: not at all. */
function waitSeconds(wait: boolean | number, most: number): number {
  return typeof wait === 'number' ? Math.min(wait, most) : wait ? most : 0;
}

/** Workflows: definitions and runs. */
export function addWorkflowRoutes(app: HttpApp, deps: RouteDeps): void {
  const { runStore, workflowTools } = deps;

  app.get(
    `${prefix}/actions`,
    {
      config: { scopes: ['workflows:read'] },
      schema: {
        tags,
        summary: 'What steps of workflows can do',
        response: {
          200: z.object({
            items: z.array(
              z
                .object({
                  name: z.string(),
                  description: z.string(),
                  inputs: jsonObject.describe('JSON Schema.'),
                  output: jsonObject.describe('JSON Schema.'),
                })
                .meta({ id: 'WorkflowAction' }),
            ),
          }),
        },
      },
    },
    () => ({
      items: workflowTools.actions().map(({ name, description, inputs, output }) => ({
        name,
        description,
        inputs,
        output,
      })),
    }),
  );

  app.post(
    `${prefix}/validate`,
    {
      config: { scopes: ['workflows:read'] },
      schema: {
        tags,
        summary: 'Look for faults in a definition; nothing is stored',
        body: jsonObject,
        response: {
          200: z.object({
            valid: z.boolean(),
            faults: z.array(
              z.object({ path: z.string().describe('Place of the field.'), message: z.string() }),
            ),
          }),
        },
      },
    },
    async (request) => {
      const faults = await workflowTools.validate(request.scope, request.body as Json);
      return { valid: faults.length === 0, faults: [...faults] };
    },
  );

  addDefinitionRoutes(app, {
    kind: 'Workflow',
    prefix,
    singular: 'a workflow',
    plural: 'workflows',
    store: deps.workflows,
    warnings: (scope, { definition }) => deps.definitionWarnings(scope, definition),
    read: 'workflows:read',
    write: 'workflows:write',
    summary: wireWorkflow,
    summaryOf: (stored) => {
      const { steps, inputs, outputs } = stored.definition.spec;
      return {
        ...definitionSummary(stored),
        steps: countSteps(steps),
        inputs,
        outputs: outputs === undefined ? null : Object.keys(outputs),
      };
    },
  });

  app.get(
    `${prefix}/:id/graph`,
    {
      config: { scopes: ['workflows:read'] },
      schema: {
        tags,
        summary: 'Steps of a workflow and what they depend on',
        params: byId,
        querystring: z.strictObject({
          format: z.enum(['json', 'mermaid']).default('json').describe('mermaid: as text to be drawn.'),
        }),
        response: { 200: z.union([wireDefinitionGraph, z.string().describe('mermaid')]) },
      },
    },
    async (request, reply) => {
      const { definition } = await deps.workflows.get(request.scope, request.params.id);
      if (request.query.format === 'json') return graphToWire(workflowTools.graph(definition));
      reply.type('text/vnd.mermaid; charset=utf-8');
      return workflowTools.mermaid(definition);
    },
  );

  app.post(
    `${prefix}/:id/execute`,
    {
      config: { scopes: ['workflows:invoke'] },
      schema: {
        tags,
        summary: 'Run this workflow',
        description:
          'Waits for the end, but no longer than `wait` and the limit of the server: then, and without waiting, the answer is 202 with the status of the run, which goes on. A run that fails is a problem with `details.run_id`. The same `Idempotency-Key` leads to the first run.',
        params: byId,
        body: z.strictObject({
          inputs: jsonObject.default({}),
          session_id: z
            .string()
            .min(1)
            .max(200)
            .optional()
            .describe('Runs of one conversation run in order.'),
          wait: z
            .union([z.boolean(), z.number().min(0).max(longestWaitSeconds)])
            .default(true)
            .describe('false, or the most seconds to wait.'),
          stream: z.boolean().default(false).describe('Answer with server-sent events; the last is `done`.'),
          timeout: seconds.optional().describe('Longest life of the run: seconds, or a text such as "10m".'),
          metadata: jsonObject.default({}).describe('Kept with the run.'),
        }),
        response: { 200: workflowAnswer, 202: startedRun },
      },
    },
    async (request, reply) => {
      const { inputs, session_id: sessionId, wait, stream, timeout, metadata } = request.body;
      const {
        runId,
        sessionId: session,
        duplicate,
      } = await submitRun(deps, request, reply, {
        source: 'http',
        target: { kind: 'workflow', name: request.params.id },
        input: inputs as JsonObject,
        sessionKey: sessionId === undefined ? null : sessionKeyOf(request.scope, sessionId),
        metadata: metadata as JsonObject,
        timeoutMs: timeout === undefined ? null : timeout * 1000,
      });
      if (stream) return streamRun(deps, request, reply, runId, answerOf);

      const limit = waitSeconds(wait, deps.config.API_WAIT_TIMEOUT_SECONDS);
      const ended =
        limit === 0
          ? undefined
          : await responseWithin(deps, request.scope, reply, { runId, milliseconds: limit * 1000 });
      if (ended !== undefined) {
        const failure = failureOf(ended);
        if (failure !== undefined) throw failure;
        return answerOf(ended);
      }
      const location = `/api/v1/runs/${runId}`;
      const isNew = limit === 0 && !duplicate;
      const status = isNew ? ('queued' as const) : (await runStore.get(request.scope, runId)).status;
      reply.code(202).header('location', location);
      return { run_id: runId, status, session_id: session, location };
    },
  );
}
