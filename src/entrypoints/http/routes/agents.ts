import { z } from 'zod';
import { AppError, isJsonObject, type Json, type JsonObject } from '../../../base/index.ts';
import type { StoredAgent } from '../../../engine/agents/index.ts';
import type { AgentInput } from '../../../protocol/index.ts';
import type { HttpApp, RouteDeps } from '../http-deps.ts';
import { mergePatch } from '../merge-patch.ts';
import { runAnswer } from '../run-answer.ts';
import { callAgent } from '../run-door.ts';

const byId = z.strictObject({ id: z.string().min(1).max(64).describe('Name of the agent.') });
const jsonObject = z.record(z.string(), z.unknown());
const sessionId = z.string().min(1).max(200).optional().describe('Conversation to continue.');
const stream = z.boolean().default(false).describe('Answer with server-sent events.');

const wireAgent = z
  .object({
    name: z.string(),
    description: z.string(),
    model: z.string().nullable().describe("null: the platform's default model."),
    tools: z.array(z.string()),
    labels: z.record(z.string(), z.string()),
    origin: z.object({ kind: z.string(), path: z.string().optional(), version: z.number().optional() }),
    hash: z.string(),
    updated_at: z.string(),
  })
  .meta({ id: 'Agent' });
const wireAgentWithDefinition = wireAgent
  .extend({ definition: z.unknown().describe('The definition, `kind: Agent`.') })
  .meta({ id: 'AgentWithDefinition' });

function summaryOf({ definition, hash, origin, updatedAt }: StoredAgent): z.output<typeof wireAgent> {
  const { metadata, spec } = definition;
  return {
    name: metadata.name,
    description: metadata.description ?? spec.description,
    model: spec.model?.name ?? null,
    tools: spec.tools.map((tool) => tool.name),
    labels: metadata.labels,
    origin,
    hash,
    updated_at: updatedAt,
  };
}

function withDefinition(agent: StoredAgent): z.output<typeof wireAgentWithDefinition> {
  return { ...summaryOf(agent), definition: agent.definition };
}

/** A text is the message; of an object its `message` is, and the rest are values for the instructions. */
function inputOf(input: string | JsonObject): AgentInput {
  if (typeof input === 'string') return { message: input };
  const { message, ...variables } = input;
  if (typeof message === 'string' && message !== '') return { message, variables };
  if (Object.keys(input).length > 0) return { message: JSON.stringify(input), variables: input };
  throw new AppError('invalid_request', 'input: expected a text or an object with at least one field');
}

function addRoutesUnder(app: HttpApp, deps: RouteDeps, prefix: string, documented: boolean): void {
  const { agents } = deps;
  const tags = ['agents'];
  const hide = !documented;

  app.get(
    prefix,
    {
      config: { scopes: ['agents:read'] },
      schema: {
        tags,
        hide,
        summary: 'All agents',
        response: { 200: z.object({ items: z.array(wireAgent) }) },
      },
    },
    async (request) => ({ items: (await agents.list(request.scope)).map(summaryOf) }),
  );

  app.post(
    prefix,
    {
      config: { scopes: ['agents:write'] },
      schema: {
        tags,
        hide,
        summary: 'Create an agent from a definition',
        body: jsonObject,
        response: { 201: wireAgentWithDefinition },
      },
    },
    async (request, reply) => {
      const agent = await agents.create(request.scope, request.body);
      reply.code(201).header('location', `${prefix}/${agent.definition.metadata.name}`);
      return withDefinition(agent);
    },
  );

  app.get(
    `${prefix}/:id`,
    {
      config: { scopes: ['agents:read'] },
      schema: {
        tags,
        hide,
        summary: 'One agent with its definition',
        params: byId,
        response: { 200: wireAgentWithDefinition },
      },
    },
    async (request) => withDefinition(await agents.get(request.scope, request.params.id)),
  );

  app.put(
    `${prefix}/:id`,
    {
      config: { scopes: ['agents:write'] },
      schema: {
        tags,
        hide,
        summary: 'Replace the definition of an agent',
        params: byId,
        body: jsonObject,
        response: { 200: wireAgentWithDefinition },
      },
    },
    async (request) => withDefinition(await agents.update(request.scope, request.params.id, request.body)),
  );

  app.patch(
    `${prefix}/:id`,
    {
      config: { scopes: ['agents:write'] },
      schema: {
        tags,
        hide,
        summary: 'Change parts of a definition (JSON Merge Patch)',
        params: byId,
        body: jsonObject,
        response: { 200: wireAgentWithDefinition },
      },
    },
    async (request) => {
      const { definition } = await agents.get(request.scope, request.params.id);
      const changed = mergePatch(definition as Json, request.body as Json);
      return withDefinition(await agents.update(request.scope, request.params.id, changed));
    },
  );

  app.delete(
    `${prefix}/:id`,
    {
      config: { scopes: ['agents:write'] },
      schema: { tags, hide, summary: 'Delete an agent made over the API', params: byId },
    },
    async (request, reply) => {
      await agents.delete(request.scope, request.params.id);
      return reply.code(204).send();
    },
  );

  app.post(
    `${prefix}/:id/invoke`,
    {
      config: { scopes: ['agents:invoke'] },
      schema: {
        tags,
        hide,
        summary: 'Say something to this agent',
        params: byId,
        body: z.strictObject({ message: z.string().min(1).max(1_000_000), session_id: sessionId, stream }),
        response: { 200: runAnswer },
      },
    },
    (request, reply) =>
      callAgent(deps, request, reply, {
        agent: request.params.id,
        input: { message: request.body.message },
        sessionId: request.body.session_id,
        metadata: {},
        stream: request.body.stream,
      }),
  );

  app.post(
    `${prefix}/:id/execute`,
    {
      config: { scopes: ['agents:invoke'] },
      schema: {
        tags,
        hide,
        summary: 'Run this agent',
        description:
          'A text as input is the message. Of an object, `message` is, and the rest are variables.',
        params: byId,
        body: z.strictObject({
          input: z.union([z.string().min(1).max(1_000_000), jsonObject]),
          session_id: sessionId,
          stream,
          metadata: jsonObject.default({}).describe('Kept with the run.'),
        }),
        response: { 200: runAnswer },
      },
    },
    (request, reply) => {
      const { input, session_id, metadata } = request.body;
      return callAgent(deps, request, reply, {
        agent: request.params.id,
        input: inputOf(isJsonObject(input) ? input : (input as string)),
        sessionId: session_id,
        metadata: metadata as JsonObject,
        stream: request.body.stream,
      });
    },
  );
}

/** Agents, under `/api/v1/agents` and for older callers under `/api/agents`. */
export function addAgentRoutes(app: HttpApp, deps: RouteDeps): void {
  addRoutesUnder(app, deps, '/api/v1/agents', true);
  addRoutesUnder(app, deps, '/api/agents', false);
}
