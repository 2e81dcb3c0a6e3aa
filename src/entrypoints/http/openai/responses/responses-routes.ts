import { z } from 'zod';
import { AppError, type Json, type JsonObject } from '../../../../base/index.ts';
import type { PermissionScope, Scope } from '../../../../protocol/index.ts';
import type { HttpApp, RouteDeps } from '../../http-deps.ts';
import { countTokens } from '../../model-door/count-tokens.ts';
import { answerResponse, demandOf } from './answer-response.ts';
import { continueConversation } from './conversation.ts';
import type { StoredResponse } from './response-store.ts';
import { responseId, responsesRequest } from './responses-request.ts';

const tags = ['openai'];
const params = z.object({ id: responseId });

const notFound = (id: string): AppError =>
  new AppError('not_found', `there is no response "${id}"`, { details: { param: 'response_id' } });

/** The Responses API. Errors are answered by the handler of the door that it belongs to. */
export function addResponsesRoutes(
  app: HttpApp,
  deps: RouteDeps,
  invoking: readonly PermissionScope[],
): void {
  const { responses } = deps;
  const config = { scopes: invoking };
  const stored = async (scope: Scope, id: string): Promise<StoredResponse> => {
    const [found] = await responses.find(scope, [id]);
    if (found === undefined) throw notFound(id);
    return found;
  };

  app.post(
    '/v1/responses',
    {
      config,
      bodyLimit: deps.config.API_MODEL_BODY_LIMIT_BYTES,
      schema: {
        tags,
        summary: 'Responses',
        description:
          'As chat completions, in the form of the Responses API. Answers are kept for `runs.retention` unless `store` is false, for the whole tenant.',
        body: responsesRequest,
      },
    },
    (request, reply) => answerResponse(deps, request, reply, request.body),
  );

  app.post(
    '/v1/responses/input_tokens',
    {
      config,
      bodyLimit: deps.config.API_MODEL_BODY_LIMIT_BYTES,
      schema: {
        tags,
        summary: 'About how many tokens a request of the Responses API has',
        description: 'An estimate, rather too high than too low; nobody is asked.',
        body: responsesRequest,
      },
    },
    async (request) => ({
      object: 'response.input_tokens',
      input_tokens: countTokens(
        demandOf(request.body, await continueConversation(responses, request.scope, request.body)),
      ),
    }),
  );

  app.get(
    '/v1/responses/:id',
    { config, schema: { tags, summary: 'A stored response', params } },
    async (request) => (await stored(request.scope, request.params.id)).response,
  );

  app.delete(
    '/v1/responses/:id',
    { config, schema: { tags, summary: 'Forgets a stored response', params } },
    async (request) => {
      const { id } = request.params;
      if (!(await responses.remove(request.scope, id))) throw notFound(id);
      return { id, object: 'response', deleted: true };
    },
  );

  app.post(
    '/v1/responses/:id/cancel',
    { config, schema: { tags, summary: 'Always refused: nothing runs in the background', params } },
    async (request) => {
      await stored(request.scope, request.params.id);
      throw new AppError('invalid_request', 'only responses with `background: true` can be cancelled');
    },
  );

  app.get(
    '/v1/responses/:id/input_items',
    {
      config,
      schema: {
        tags,
        summary: 'The items that came with the request of a stored response',
        params,
        querystring: z.object({
          limit: z.coerce.number().int().min(1).max(100).default(20),
          order: z.enum(['asc', 'desc']).default('desc'),
          after: z.string().optional(),
        }),
      },
    },
    async (request) => {
      const { limit, order, after } = request.query;
      const { input } = await stored(request.scope, request.params.id);
      const named = input.map((item, index): JsonObject => inputItem(item, request.params.id, index));
      const ordered = order === 'asc' ? named : named.toReversed();
      const start = after === undefined ? 0 : ordered.findIndex(({ id }) => id === after) + 1;
      const data = ordered.slice(start, start + limit);
      return {
        object: 'list',
        data,
        first_id: data[0]?.['id'] ?? null,
        last_id: data.at(-1)?.['id'] ?? null,
        has_more: start + limit < ordered.length,
      };
    },
  );
}

/** An item of a request with an id, and a message's content as parts. */
function inputItem(item: Json, responseId: string, index: number): JsonObject {
  const given = item as JsonObject;
  const { content } = given;
  return {
    id: `item_${responseId.replace(/^resp_/, '')}_${index}`,
    type: 'message',
    ...given,
    ...(typeof content === 'string'
      ? {
          content: [
            given['role'] === 'assistant'
              ? { type: 'output_text', text: content, annotations: [] }
              : { type: 'input_text', text: content },
          ],
        }
      : {}),
  };
}
