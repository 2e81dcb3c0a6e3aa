import { z } from 'zod';
import type { PermissionScope } from '../../../protocol/index.ts';
import { startCallerWait } from '../caller-wait.ts';
import {
  anthropicModel,
  anthropicModels,
  isAnthropicClient,
  toAnthropicModel,
  toAnthropicModels,
} from '../anthropic/anthropic-models.ts';
import { keepWireBodies } from '../gateway-door/wire-body.ts';
import type { HttpApp, RouteDeps } from '../http-deps.ts';
import { noteError } from '../problem.ts';
import { answerChatCompletion } from './chat-completions.ts';
import { chatRequest } from './chat-request.ts';
import { answerCompletion } from './completions.ts';
import { completionsRequest } from './completions-request.ts';
import { answerEmbeddings, embeddingsRequest } from './embeddings.ts';
import { createModelList } from './model-list.ts';
import { addResponsesRoutes } from './responses/responses-routes.ts';
import { sendOpenAIError } from './openai-error.ts';
import { answerRerank, rerankRequest } from './rerank.ts';

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
  const bodyLimit = deps.config.API_MODEL_BODY_LIMIT_BYTES;
  // Described for the reference; checked by the handlers, as far as no upstream does it.
  const validatorCompiler = () => (value: unknown) => ({ value });
  app.setErrorHandler((error, request, reply) =>
    sendOpenAIError(reply, noteError(error, request, deps.logger)),
  );

  app.get(
    '/v1/models',
    {
      config: { scopes: seeing },
      schema: {
        tags,
        summary:
          'Names of the model list, agents, teams, workflows that take one text, and models of the providers',
        response: {
          200: z.union([z.object({ object: z.literal('list'), data: z.array(wireModel) }), anthropicModels]),
        },
      },
    },
    async (request, reply) => {
      const wait = startCallerWait(deps, reply);
      try {
        const data = [...(await list.all(request.scope, wait.signal))];
        return isAnthropicClient(request) ? toAnthropicModels(data) : { object: 'list' as const, data };
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
        response: { 200: z.union([wireModel, anthropicModel]) },
      },
    },
    async (request, reply) => {
      const wait = startCallerWait(deps, reply);
      try {
        const model = await list.get(request.scope, request.params['*'], wait.signal);
        return isAnthropicClient(request) ? toAnthropicModel(model) : model;
      } finally {
        wait.clear();
      }
    },
  );

  app.post(
    '/v1/chat/completions',
    {
      config: { scopes: invoking },
      bodyLimit,
      validatorCompiler,
      schema: {
        tags,
        summary: 'Chat completions',
        description:
          '`model` is a name of the model list, the name of an agent, `team/NAME`, `workflow/NAME` (one that takes one text: the last message), `agentic-general`, `agentic-research`, `agentic-workflow`, or `provider/model`. To a model of an OpenAI-compatible provider the request goes on as it is. Beside it: `fallbacks`, `num_retries`, `timeout` (seconds), `cache` and `metadata.tags` or `x-a33-tags`.',
        body: chatRequest,
      },
    },
    (request, reply) => answerChatCompletion(deps, request, reply),
  );

  app.post(
    '/v1/completions',
    {
      config: { scopes: ['models:invoke'] },
      bodyLimit,
      validatorCompiler,
      schema: {
        tags,
        summary: 'Completions of one or several texts',
        description: 'Where the provider knows only chat, each prompt is a message of a user.',
        body: completionsRequest,
      },
    },
    (request, reply) => answerCompletion(deps, request, reply),
  );

  app.post(
    '/v1/embeddings',
    {
      config: { scopes: ['models:invoke'] },
      bodyLimit,
      validatorCompiler,
      schema: { tags, summary: 'Vectors of texts', body: embeddingsRequest },
    },
    (request, reply) => answerEmbeddings(deps, request, reply),
  );

  app.post(
    '/v1/rerank',
    {
      config: { scopes: ['models:invoke'] },
      bodyLimit,
      validatorCompiler,
      schema: { tags, summary: 'Documents by how well they answer a query', body: rerankRequest },
    },
    (request, reply) => answerRerank(deps, request, reply),
  );
  addResponsesRoutes(app, deps, invoking);
}
