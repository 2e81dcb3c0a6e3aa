import { z } from 'zod';
import type { PermissionScope } from '../../../protocol/index.ts';
import { startCallerWait } from '../caller-wait.ts';
import { keepWireBodies } from '../gateway-door/wire-body.ts';
import type { HttpApp, RouteDeps } from '../http-deps.ts';
import { noteError } from '../problem.ts';
import { answerChatCompletion } from './chat-completions.ts';
import { chatRequest } from './chat-request.ts';
import { createModelList } from './model-list.ts';
import { addResponsesRoutes } from './responses/responses-routes.ts';
import { sendOpenAIError } from './openai-error.ts';

const tags = ['openai'];
const wireModel = z
  .object({
    id: z.string(),
    object: z.literal('model'),
    created: z.number(),
    owned_by: z.string(),
    name: z.string(),
  })
  .meta({ id: 'Model' });

const invoking: readonly PermissionScope[] = [
  'agents:invoke',
  'teams:invoke',
  'workflows:invoke',
  'models:invoke',
];
const seeing: readonly PermissionScope[] = [
  ...invoking,
  'agents:read',
  'teams:read',
  'workflows:read',
  'models:read',
];

/** The door for OpenAI-compatible clients: agents and models under `/v1`, errors in OpenAI's shape. */
export function addOpenAIRoutes(app: HttpApp, deps: RouteDeps): void {
  const list = createModelList(deps);
  keepWireBodies(app);
  app.setErrorHandler((error, request, reply) =>
    sendOpenAIError(reply, noteError(error, request, deps.logger)),
  );

  app.get(
    '/v1/models',
    {
      config: { scopes: seeing },
      schema: {
        tags,
        summary: 'Agents, teams, workflows that take one text, and models of the providers',
        response: { 200: z.object({ object: z.literal('list'), data: z.array(wireModel) }) },
      },
    },
    async (request, reply) => {
      const wait = startCallerWait(deps, reply);
      try {
        return { object: 'list' as const, data: [...(await list.all(request.scope, wait.signal))] };
      } finally {
        wait.clear();
      }
    },
  );

  app.get(
    '/v1/models/*',
    {
      config: { scopes: seeing },
      schema: {
        tags,
        summary: 'One of them',
        params: z.object({ '*': z.string() }),
        response: { 200: wireModel },
      },
    },
    (request) => list.get(request.scope, request.params['*']),
  );

  app.post(
    '/v1/chat/completions',
    {
      config: { scopes: invoking },
      schema: {
        tags,
        summary: 'Chat completions',
        description:
          '`model` is the name of an agent, `team/NAME`, `workflow/NAME` (one that takes one text: the last message), `agentic-general`, `agentic-research`, `agentic-workflow`, or `provider/model`.',
        body: chatRequest,
      },
    },
    (request, reply) => answerChatCompletion(deps, request, reply, request.body),
  );
  addResponsesRoutes(app, deps, invoking);
}
