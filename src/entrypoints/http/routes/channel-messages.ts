import { z } from 'zod';
import type { JsonObject } from '../../../base/index.ts';
import type { AgentResponse, RunTarget } from '../../../protocol/index.ts';
import type { HttpApp, RouteDeps } from '../http-deps.ts';
import { failureOf, outputOf } from '../run-answer.ts';
import { responseWithin } from '../response-within.ts';
import { idempotencyKeyOf, streamRun } from '../run-door.ts';
import { usageToWire, wireUsage } from '../wire.ts';

const longestWaitSeconds = 86_400;
const jsonObject = z.record(z.string(), z.unknown());
const name = z.string().min(1).max(64).optional();
const id = z.string().min(1).max(200).optional();
const text = z.string().min(1).max(1_000_000).optional();

const messageBody = z
  .strictObject({
    text,
    message: text.describe('The same as `text`.'),
    inputs: jsonObject.optional().describe('Inputs of a workflow, instead of the text.'),
    user_id: id.describe('Who says it, by a stable id of yours.'),
    user_name: id,
    conversation_id: id.describe(
      'Conversation to continue. Left out: one for each user_id; without that, one for each message.',
    ),
    agent: name.describe('Who answers, before all rules; it needs the permission to call it. One of three.'),
    team: name,
    workflow: name,
    metadata: jsonObject.default({}).describe('For rules, kept with the run, and part of the callback.'),
    callback: z
      .strictObject({ url: z.url().max(2000) })
      .optional()
      .describe('The answer is posted there too; the host has to be among `callbacks.hosts` of the channel.'),
    wait: z
      .number()
      .min(0)
      .max(longestWaitSeconds)
      .optional()
      .describe(
        "Most seconds to wait for the answer; the channel's own `wait` when left out, 0 with a callback.",
      ),
    stream: z.boolean().default(false).describe('Answer with server-sent events; the last is `done`.'),
  })
  .refine((body) => body.text !== undefined || body.message !== undefined || body.inputs !== undefined, {
    path: ['text'],
    message: 'expected text, message or inputs',
  })
  .refine((body) => [body.agent, body.team, body.workflow].filter((one) => one !== undefined).length < 2, {
    path: ['agent'],
    message: 'expected only one of agent, team, workflow',
  });

const wireTarget = z.object({ kind: z.enum(['agent', 'team', 'workflow']), name: z.string() });

const answered = z
  .object({
    status: z.literal('completed'),
    run_id: z.string(),
    session_id: z.string().nullable(),
    target: wireTarget.describe('What answered.'),
    response: z.string().describe('The answer for people.'),
    output: z.unknown().describe('The structured answer where there is one, else the text.'),
    execution_time_ms: z.number(),
    usage: wireUsage,
  })
  .meta({ id: 'ChannelAnswer' });

const accepted = z
  .object({
    status: z.string().describe('How the run stands.'),
    run_id: z.string(),
    session_id: z.string().nullable(),
    target: wireTarget,
    duplicate: z.boolean().describe('The key was used before; this is the run of then.'),
    links: z.object({ run: z.string(), events: z.string(), cancel: z.string() }),
  })
  .meta({ id: 'AcceptedChannelMessage' });

function targetOf({ agent, team, workflow }: z.output<typeof messageBody>): RunTarget | undefined {
  if (agent !== undefined) return { kind: 'agent', name: agent };
  if (team !== undefined) return { kind: 'team', name: team };
  return workflow === undefined ? undefined : { kind: 'workflow', name: workflow };
}

function answerOf(response: AgentResponse, target: RunTarget): z.output<typeof answered> {
  return {
    status: 'completed',
    run_id: response.runId,
    session_id: response.sessionId,
    target: { ...target },
    response: response.text,
    output:
      target.kind === 'workflow' ? response.output : (outputOf(response.output).object ?? response.text),
    execution_time_ms: response.executionTimeMs,
    usage: usageToWire(response.usage),
  };
}

/** `POST /api/v1/channels/{id}/messages`: what programs say to a channel of theirs. */
export function addChannelMessageRoutes(app: HttpApp, deps: RouteDeps): void {
  app.post(
    '/api/v1/channels/:id/messages',
    {
      config: { scopes: ['agents:invoke', 'teams:invoke', 'workflows:invoke'] },
      schema: {
        tags: ['channels'],
        summary: 'Say something through a channel of the platform rest',
        description:
          "The channel's rules name what answers, unless the call does. Waits for the answer; when the time is over the answer is 202 with links, and the run goes on. A run that fails is a problem with `details.run_id`. The same `Idempotency-Key` leads to the first run.",
        params: z.strictObject({ id: z.string().min(1).max(64).describe('Name of the channel.') }),
        body: messageBody,
        response: { 200: answered, 202: accepted },
      },
    },
    async (request, reply) => {
      const { scope, body, params } = request;
      const target = targetOf(body);
      const inputs = body.inputs as JsonObject | undefined;
      const given = {
        inputs,
        userId: body.user_id,
        userName: body.user_name,
        conversationId: body.conversation_id,
        target,
        callbackUrl: body.callback?.url,
      };
      const said = await deps.channels.say(scope, params.id, {
        text: body.text ?? body.message ?? JSON.stringify(inputs),
        metadata: body.metadata as JsonObject,
        key: idempotencyKeyOf(request),
        ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
      });
      const { runId, sessionId, duplicate } = said;
      reply.header('x-a33-run-id', runId);
      if (sessionId !== null) reply.header('x-a33-session-id', sessionId);
      if (body.stream)
        return streamRun(deps, request, reply, runId, (response) => answerOf(response, said.target));

      const usual = body.callback === undefined ? said.waitMs : 0;
      const wanted = body.wait === undefined ? usual : body.wait * 1000;
      const limit = Math.min(wanted, deps.config.API_WAIT_TIMEOUT_SECONDS * 1000);
      const response =
        limit === 0 ? undefined : await responseWithin(deps, scope, reply, { runId, milliseconds: limit });
      if (response !== undefined) {
        const failure = failureOf(response);
        if (failure !== undefined) throw failure;
        return answerOf(response, said.target);
      }
      const isNew = limit === 0 && !duplicate;
      const status = isNew ? 'queued' : (await deps.runStore.get(scope, runId)).status;
      const run = `/api/v1/runs/${runId}`;
      reply.code(202).header('location', run);
      return {
        status,
        run_id: runId,
        session_id: sessionId,
        target: { ...said.target },
        duplicate,
        links: { run, events: `${run}/events`, cancel: `${run}/cancel` },
      };
    },
  );
}
