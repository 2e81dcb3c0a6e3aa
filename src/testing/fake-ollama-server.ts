import { tryParseJson, type JsonObject } from '../base/index.ts';
import { FakeModelServer, type ModelApiDialect } from './fake-model-server.ts';
import { fakeVector } from './fake-vectors.ts';
import { chunksOf, type FakeTurn } from './fake-turn.ts';

const createdAt = '2026-01-01T00:00:00Z';

function line(value: JsonObject): string {
  return `${JSON.stringify(value)}\n`;
}

function ending(turn: FakeTurn): JsonObject {
  return {
    done: true,
    done_reason: turn.finishReason === 'length' ? 'length' : 'stop',
    total_duration: 1_000_000,
    prompt_eval_count: turn.usage?.inputTokens ?? 10,
    eval_count: turn.usage?.outputTokens ?? 5,
  };
}

/** Ollama sends arguments as objects, and often no id. */
function toolCallsOf(turn: FakeTurn): JsonObject {
  const calls = (turn.toolCalls ?? []).map((call) => ({
    ...(call.id === undefined ? {} : { id: call.id }),
    function: {
      name: call.name,
      arguments:
        call.rawArguments === undefined
          ? (call.arguments ?? {})
          : (tryParseJson(call.rawArguments) ?? call.rawArguments),
    },
  }));
  return calls.length === 0 ? {} : { tool_calls: calls };
}

function createDialect(models: readonly string[]): ModelApiDialect {
  return {
    chatPath: '/api/chat',
    streamType: 'application/x-ndjson',
    openingPieces: 0,
    pages: {
      '/api/version': { version: '0.12.3' },
      '/api/tags': { models: models.map((name) => ({ name, model: name, size: 1, digest: 'fake' })) },
    },
    respond(path, body) {
      const model = typeof body['model'] === 'string' ? body['model'] : '';
      if (path === '/api/show')
        return models.includes(model)
          ? {
              capabilities: ['completion', 'tools'],
              model_info: { 'general.architecture': 'llama', 'llama.context_length': 8192 },
            }
          : undefined;
      if (path !== '/api/embed') return undefined;
      const texts = body['input'] as readonly string[];
      return { model, embeddings: texts.map(fakeVector), prompt_eval_count: texts.length };
    },
    wantsStream: (body) => body['stream'] !== false,
    pieces(turn, model) {
      const part = (message: JsonObject): string =>
        line({
          model,
          created_at: createdAt,
          message: { role: 'assistant', content: '', ...message },
          done: false,
        });
      return [
        ...(turn.reasoning === undefined ? [] : [part({ thinking: turn.reasoning })]),
        ...chunksOf(turn).map((content) => part({ content })),
        ...((turn.toolCalls?.length ?? 0) > 0 ? [part(toolCallsOf(turn))] : []),
        line({ model, created_at: createdAt, message: { role: 'assistant', content: '' }, ...ending(turn) }),
      ];
    },
    whole: (turn, model) => ({
      model,
      created_at: createdAt,
      message: {
        role: 'assistant',
        content: chunksOf(turn).join(''),
        ...(turn.reasoning === undefined ? {} : { thinking: turn.reasoning }),
        ...toolCallsOf(turn),
      },
      ...ending(turn),
    }),
    errorBody: (_status, message) => ({ error: message }),
    errorPiece: (message) => line({ error: message }),
  };
}

/** An Ollama on loopback; `models` are those that it has pulled. */
export function startFakeOllama(
  options: { readonly models?: readonly string[] } = {},
): Promise<FakeModelServer> {
  return FakeModelServer.start(createDialect(options.models ?? ['llama3.2:latest']));
}
