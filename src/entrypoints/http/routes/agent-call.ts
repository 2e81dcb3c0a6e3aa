import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { AppError, type JsonObject } from '../../../base/index.ts';
import type { AgentInput, PermissionScope } from '../../../protocol/index.ts';
import type { HttpApp } from '../http-deps.ts';
import type { RunCall } from '../run-door.ts';

const jsonObject = z.record(z.string(), z.unknown());
const sessionId = z.string().min(1).max(200).optional().describe('Conversation to continue.');
const stream = z.boolean().default(false).describe('Answer with server-sent events.');

/** Body of `…/invoke`. */
const invokeBody = z.strictObject({
  message: z.string().min(1).max(1_000_000),
  session_id: sessionId,
  stream,
});

/** Body of `…/execute`. */
const executeBody = z.strictObject({
  input: z.union([z.string().min(1).max(1_000_000), jsonObject]),
  session_id: sessionId,
  stream,
  metadata: jsonObject.default({}).describe('Kept with the run.'),
});

/** A text is the message; of an object its `message` is, and the rest are values for the instructions. */
function agentInputOf(given: z.output<typeof executeBody>['input']): AgentInput {
  if (typeof given === 'string') return { message: given };
  const input = given as JsonObject;
  const { message, ...variables } = input;
  if (typeof message === 'string' && message !== '') return { message, variables };
  if (Object.keys(input).length > 0) return { message: JSON.stringify(input), variables: input };
  throw new AppError('invalid_request', 'input: expected a text or an object with at least one field');
}

/** How targets of a kind are called that are told something: agents and teams. */
export interface CallRoutes {
  readonly prefix: string;
  readonly noun: 'agent' | 'team';
  readonly scope: PermissionScope;
  readonly answer: z.ZodType;
  /** Leaves them out of the API's description. */
  readonly hide?: boolean;
  readonly call: (
    request: FastifyRequest,
    reply: FastifyReply,
    name: string,
    call: RunCall,
  ) => Promise<unknown>;
}

/** `…/{name}/invoke` with a text and `…/{name}/execute` with a text or an object. */
export function addCallRoutes(app: HttpApp, routes: CallRoutes): void {
  const { prefix, noun, scope, answer, hide = false } = routes;
  const params = z.strictObject({ id: z.string().min(1).max(64).describe(`Name of the ${noun}.`) });
  const tags = [`${noun}s`];
  const response = { 200: answer };

  app.post(
    `${prefix}/:id/invoke`,
    {
      config: { scopes: [scope] },
      schema: { tags, hide, summary: `Say something to this ${noun}`, params, body: invokeBody, response },
    },
    (request, reply) => {
      const { message, session_id: sessionId, stream: wanted } = request.body;
      return routes.call(request, reply, request.params.id, {
        input: { message },
        sessionId,
        metadata: {},
        stream: wanted,
      });
    },
  );

  app.post(
    `${prefix}/:id/execute`,
    {
      config: { scopes: [scope] },
      schema: {
        tags,
        hide,
        summary: `Run this ${noun}`,
        description:
          'A text as input is the message. Of an object, `message` is, and the rest are variables.',
        params,
        body: executeBody,
        response,
      },
    },
    (request, reply) => {
      const { input, session_id: sessionId, metadata, stream: wanted } = request.body;
      return routes.call(request, reply, request.params.id, {
        input: agentInputOf(input),
        sessionId,
        metadata: metadata as JsonObject,
        stream: wanted,
      });
    },
  );
}
