import type { PermissionScope } from '../../../protocol/index.ts';
import { startCallerWait } from '../caller-wait.ts';
import { keepWireBodies } from '../gateway-door/wire-body.ts';
import type { HttpApp, RouteDeps } from '../http-deps.ts';
import { createModelList } from '../openai/model-list.ts';
import { noteError } from '../problem.ts';
import { answerOllama, waiting } from './answer-ollama.ts';
import { embedTexts } from './embed-texts.ts';
import { chatDemand, generateDemand } from './ollama-demand.ts';
import { sendOllamaError } from './ollama-error.ts';
import { showOf, tagOf } from './ollama-models.ts';
import { pullModel } from './pull-model.ts';
import {
  chatRequest,
  embeddingsRequest,
  embedRequest,
  generateRequest,
  namedRequest,
} from './ollama-request.ts';
import { findTagged } from './ollama-target.ts';

const tags = ['ollama'];
/** The version of Ollama whose API this is; clients compare it, so it has to be three numbers. */
const apiVersion = '0.13.0';

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

/** The door for clients of Ollama under `/ollama`: agents and models, errors in Ollama's shape. */
export function addOllamaRoutes(app: HttpApp, deps: RouteDeps): void {
  const list = createModelList(deps);
  const bodyLimit = deps.config.API_MODEL_BODY_LIMIT_BYTES;
  keepWireBodies(app, { anyType: true });
  app.setErrorHandler((error, request, reply) =>
    sendOllamaError(reply, noteError(error, request, deps.logger)),
  );

  for (const url of ['/ollama', '/ollama/'])
    app.route({
      method: ['GET', 'HEAD'],
      url,
      config: { public: true },
      schema: { hide: true },
      handler: (_request, reply) => reply.type('text/plain; charset=utf-8').send('Ollama is running'),
    });

  app.get(
    '/ollama/api/version',
    { config: { scopes: [] }, schema: { tags, summary: 'The version of Ollama whose API this is' } },
    () => Promise.resolve({ version: apiVersion }),
  );

  app.get(
    '/ollama/api/tags',
    { config: { scopes: seeing }, schema: { tags, summary: 'Agents and models, as `GET /v1/models`' } },
    async (request, reply) => {
      const wait = startCallerWait(deps, reply);
      try {
        return { models: (await list.all(request.scope, wait.signal)).map(tagOf) };
      } finally {
        wait.clear();
      }
    },
  );

  app.get(
    '/ollama/api/ps',
    { config: { scopes: seeing }, schema: { tags, summary: 'Always empty: nothing is loaded here' } },
    () => Promise.resolve({ models: [] }),
  );

  app.post(
    '/ollama/api/show',
    { config: { scopes: seeing }, bodyLimit, schema: { tags, summary: 'One of them', body: namedRequest } },
    async (request, reply) => {
      const name = request.body.model ?? request.body.name ?? '';
      return waiting(deps, request, reply, async (exchange) =>
        showOf(deps, name, await findTagged(exchange, name)),
      );
    },
  );

  app.post(
    '/ollama/api/chat',
    { config: { scopes: invoking }, bodyLimit, schema: { tags, summary: 'Chat', body: chatRequest } },
    (request, reply) => {
      const { body } = request;
      return answerOllama(deps, request, reply, {
        form: 'chat',
        model: body.model,
        stream: body.stream !== false,
        empty: (body.messages ?? []).length === 0,
        unload: body.keep_alive === 0,
        demand: () => chatDemand(body),
      });
    },
  );

  app.post(
    '/ollama/api/generate',
    {
      config: { scopes: invoking },
      bodyLimit,
      schema: { tags, summary: 'Completion', body: generateRequest },
    },
    (request, reply) => {
      const { body } = request;
      return answerOllama(deps, request, reply, {
        form: 'generate',
        model: body.model,
        stream: body.stream !== false,
        empty: (body.prompt ?? '') === '' && (body.images ?? []).length === 0,
        unload: body.keep_alive === 0,
        demand: () => generateDemand(body),
      });
    },
  );

  app.post(
    '/ollama/api/embed',
    {
      config: { scopes: ['models:invoke'] },
      bodyLimit,
      schema: { tags, summary: 'Vectors of texts', body: embedRequest },
    },
    (request, reply) => {
      const { model, input, dimensions } = request.body;
      const texts = typeof input === 'string' ? [input] : input;
      return waiting(deps, request, reply, async (exchange) => {
        const startedAt = deps.clock.now();
        const { vectors, usage } = await embedTexts(exchange, model, texts, dimensions ?? undefined);
        return {
          model,
          embeddings: vectors,
          total_duration: Math.round((deps.clock.now() - startedAt) * 1_000_000),
          load_duration: 0,
          prompt_eval_count: usage.inputTokens,
        };
      });
    },
  );

  app.post(
    '/ollama/api/embeddings',
    {
      config: { scopes: ['models:invoke'] },
      bodyLimit,
      schema: { tags, summary: 'The vector of one text, in the older form', body: embeddingsRequest },
    },
    (request, reply) => {
      const { model, prompt } = request.body;
      return waiting(deps, request, reply, async (exchange) => {
        const { vectors } = await embedTexts(exchange, model, [prompt]);
        return { embedding: vectors[0] ?? [] };
      });
    },
  );

  app.post(
    '/ollama/api/pull',
    {
      config: { scopes: ['admin'] },
      bodyLimit,
      schema: { tags, summary: 'Lets the Ollama that is connected fetch a model', body: namedRequest },
    },
    (request, reply) =>
      waiting(deps, request, reply, (exchange) =>
        pullModel(exchange, request.body.model ?? request.body.name ?? '', request.body.stream !== false),
      ),
  );
}
