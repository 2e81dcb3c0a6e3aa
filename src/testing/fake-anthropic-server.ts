import { tryParseJson, type JsonObject } from '../base/index.ts';
import { FakeModelServer, type ModelApiDialect } from './fake-model-server.ts';
import { chunksOf, finishReasonOf, type FakeTurn } from './fake-turn.ts';

const reasons = {
  stop: 'end_turn',
  length: 'max_tokens',
  'tool-calls': 'tool_use',
  'content-filter': 'refusal',
  other: 'other',
};

function event(data: JsonObject & { readonly type: string }): string {
  return `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
}

function block(index: number, start: JsonObject, deltas: readonly JsonObject[]): string[] {
  return [
    event({ type: 'content_block_start', index, content_block: start }),
    ...deltas.map((delta) => event({ type: 'content_block_delta', index, delta })),
    event({ type: 'content_block_stop', index }),
  ];
}

interface Tokens {
  readonly input: JsonObject;
  readonly output: number;
}

/** Anthropic counts what its cache gave and took apart from the other input. */
function tokens(turn: FakeTurn): Tokens {
  const { inputTokens = 10, outputTokens = 5, cachedInputTokens, cacheWriteTokens } = turn.usage ?? {};
  return {
    output: outputTokens,
    input: {
      input_tokens: inputTokens - (cachedInputTokens ?? 0) - (cacheWriteTokens ?? 0),
      ...(cachedInputTokens === undefined ? {} : { cache_read_input_tokens: cachedInputTokens }),
      ...(cacheWriteTokens === undefined ? {} : { cache_creation_input_tokens: cacheWriteTokens }),
    },
  };
}

const dialect: ModelApiDialect = {
  chatPath: '/v1/messages',
  streamType: 'text/event-stream',
  openingPieces: 2,
  pages: {
    '/v1/models': { data: [{ type: 'model', id: 'fake-model', display_name: 'Fake' }], has_more: false },
  },
  wantsStream: (body) => body['stream'] === true,
  pieces(turn, model, callIds) {
    const chunks = chunksOf(turn);
    const blocks: ((index: number) => string[])[] = [];
    if (turn.reasoning !== undefined) {
      const { reasoning } = turn;
      blocks.push((index) =>
        block(index, { type: 'thinking', thinking: '', signature: '' }, [
          { type: 'thinking_delta', thinking: reasoning },
          { type: 'signature_delta', signature: 'fake' },
        ]),
      );
    }
    if (chunks.length > 0)
      blocks.push((index) =>
        block(
          index,
          { type: 'text', text: '' },
          chunks.map((text) => ({ type: 'text_delta', text })),
        ),
      );
    for (const call of turn.toolCalls ?? [])
      blocks.push((index) =>
        block(index, { type: 'tool_use', id: call.id ?? callIds(), name: call.name, input: {} }, [
          {
            type: 'input_json_delta',
            partial_json: call.rawArguments ?? JSON.stringify(call.arguments ?? {}),
          },
        ]),
      );
    const { input, output } = tokens(turn);
    return [
      event({
        type: 'message_start',
        message: {
          id: 'msg_1',
          type: 'message',
          role: 'assistant',
          model,
          content: [],
          stop_reason: null,
          stop_sequence: null,
          usage: { ...input, output_tokens: 0 },
        },
      }),
      ...blocks.flatMap((make, index) => make(index)),
      event({
        type: 'message_delta',
        delta: { stop_reason: reasons[finishReasonOf(turn)], stop_sequence: null },
        usage: { output_tokens: output },
      }),
      event({ type: 'message_stop' }),
    ];
  },
  whole(turn, model, callIds) {
    const text = chunksOf(turn).join('');
    const { input, output } = tokens(turn);
    return {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model,
      content: [
        ...(turn.reasoning === undefined
          ? []
          : [{ type: 'thinking', thinking: turn.reasoning, signature: 'fake' }]),
        ...(text === '' ? [] : [{ type: 'text', text }]),
        ...(turn.toolCalls ?? []).map((call) => ({
          type: 'tool_use',
          id: call.id ?? callIds(),
          name: call.name,
          input:
            call.rawArguments === undefined
              ? (call.arguments ?? {})
              : (tryParseJson(call.rawArguments) ?? call.rawArguments),
        })),
      ],
      stop_reason: reasons[finishReasonOf(turn)],
      stop_sequence: null,
      usage: { ...input, output_tokens: output },
    };
  },
  errorBody: (status, message) => ({
    type: 'error',
    error: { type: status === 429 ? 'rate_limit_error' : 'api_error', message },
  }),
  errorPiece: (message) => event({ type: 'error', error: { type: 'overloaded_error', message } }),
};

/** Anthropic's Messages API on loopback. */
export function startFakeAnthropic(): Promise<FakeModelServer> {
  return FakeModelServer.start(dialect);
}
