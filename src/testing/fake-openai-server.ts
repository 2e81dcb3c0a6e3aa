import type { JsonObject } from '../base/index.ts';
import { FakeModelServer, type ModelApiDialect } from './fake-model-server.ts';
import { fakeRanking, fakeVector } from './fake-vectors.ts';
import { chunksOf, finishReasonOf, type FakeTurn } from './fake-turn.ts';

const created = 1_767_225_600;
const reasons = {
  stop: 'stop',
  length: 'length',
  'tool-calls': 'tool_calls',
  'content-filter': 'content_filter',
  other: 'other',
};

function usageOf(turn: FakeTurn): JsonObject {
  const { inputTokens = 10, outputTokens = 5, cachedInputTokens, reasoningTokens } = turn.usage ?? {};
  return {
    ...(cachedInputTokens === undefined
      ? {}
      : { prompt_tokens_details: { cached_tokens: cachedInputTokens } }),
    ...(reasoningTokens === undefined
      ? {}
      : { completion_tokens_details: { reasoning_tokens: reasoningTokens } }),
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
  };
}

function toolCallsOf(turn: FakeTurn, callIds: () => string): JsonObject[] {
  return (turn.toolCalls ?? []).map((call) => ({
    id: call.id ?? callIds(),
    type: 'function',
    function: { name: call.name, arguments: call.rawArguments ?? JSON.stringify(call.arguments ?? {}) },
  }));
}

const dialect: ModelApiDialect = {
  chatPath: '/v1/chat/completions',
  streamType: 'text/event-stream',
  openingPieces: 1,
  pages: {
    '/v1/models': {
      object: 'list',
      data: [{ id: 'fake-model', object: 'model', created, owned_by: 'agent33' }],
    },
  },
  respond(path, body) {
    if (path === '/v1/embeddings') {
      const texts = body['input'] as readonly string[];
      return {
        object: 'list',
        model: body['model'],
        // Out of order on purpose: `index` says the place.
        data: texts
          .map((text, index) => ({ object: 'embedding', index, embedding: fakeVector(text) }))
          .toReversed(),
        usage: { prompt_tokens: texts.length, total_tokens: texts.length },
      };
    }
    return path === '/v1/rerank' ? fakeRanking(body) : undefined;
  },
  wantsStream: (body) => body['stream'] === true,
  pieces(turn, model, callIds) {
    const event = (delta: JsonObject, finish: string | null = null): string =>
      `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created, model, choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
    return [
      event({ role: 'assistant', content: '' }),
      ...(turn.reasoning === undefined ? [] : [event({ reasoning_content: turn.reasoning })]),
      ...chunksOf(turn).map((content) => event({ content })),
      ...toolCallsOf(turn, callIds).flatMap((call, index) => {
        const { name, arguments: text } = call['function'] as { name: string; arguments: string };
        const half = Math.ceil(text.length / 2);
        return [
          event({
            tool_calls: [{ index, id: call['id'], type: 'function', function: { name, arguments: '' } }],
          }),
          event({ tool_calls: [{ index, function: { arguments: text.slice(0, half) } }] }),
          event({ tool_calls: [{ index, function: { arguments: text.slice(half) } }] }),
        ];
      }),
      event({}, reasons[finishReasonOf(turn)]),
      `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created, model, choices: [], usage: usageOf(turn) })}\n\n`,
      'data: [DONE]\n\n',
    ];
  },
  whole(turn, model, callIds) {
    const calls = toolCallsOf(turn, callIds);
    const text = chunksOf(turn).join('');
    return {
      id: 'chatcmpl-1',
      object: 'chat.completion',
      created,
      model,
      choices: [
        {
          index: 0,
          message: {
            role: 'assistant',
            content: text === '' ? null : text,
            ...(turn.reasoning === undefined ? {} : { reasoning_content: turn.reasoning }),
            ...(calls.length === 0 ? {} : { tool_calls: calls }),
          },
          finish_reason: reasons[finishReasonOf(turn)],
        },
      ],
      usage: usageOf(turn),
    };
  },
  errorBody: (status, message) => ({
    error: { message, type: status === 429 ? 'rate_limit_error' : 'api_error', param: null, code: null },
  }),
  errorPiece: (message) =>
    `data: ${JSON.stringify({ error: { message, type: 'server_error', param: null, code: null } })}\n\n`,
};

/** An OpenAI-compatible server on loopback; give `url + '/v1'` as base URL. */
export function startFakeOpenAI(): Promise<FakeModelServer> {
  return FakeModelServer.start(dialect);
}
