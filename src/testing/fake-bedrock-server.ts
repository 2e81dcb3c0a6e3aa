import { crc32 } from 'node:zlib';
import type { JsonObject } from '../base/index.ts';
import { FakeModelServer, type ModelApiDialect } from './fake-model-server.ts';
import { chunksOf, finishReasonOf, type FakeTurn } from './fake-turn.ts';
import { fakeVector } from './fake-vectors.ts';

const reasons = {
  stop: 'end_turn',
  length: 'max_tokens',
  'tool-calls': 'tool_use',
  'content-filter': 'content_filtered',
  other: 'other',
};

/** A header of an event-stream message with a text in it. */
function header(name: string, value: string): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(Buffer.byteLength(value));
  return Buffer.concat([
    Buffer.from([Buffer.byteLength(name)]),
    Buffer.from(name),
    Buffer.from([7]),
    length,
    Buffer.from(value),
  ]);
}

/** One message of `application/vnd.amazon.eventstream`: lengths, headers, payload, each with its check sum. */
function message(kind: 'event' | 'exception', type: string, payload: JsonObject): Buffer {
  const headers = Buffer.concat([
    header(':message-type', kind),
    header(kind === 'event' ? ':event-type' : ':exception-type', type),
    header(':content-type', 'application/json'),
  ]);
  const body = Buffer.from(JSON.stringify(payload));
  const prelude = Buffer.alloc(12);
  prelude.writeUInt32BE(12 + headers.length + body.length + 4, 0);
  prelude.writeUInt32BE(headers.length, 4);
  prelude.writeUInt32BE(crc32(prelude.subarray(0, 8)), 8);
  const checked = Buffer.concat([prelude, headers, body]);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(checked));
  return Buffer.concat([checked, sum]);
}

/** Bedrock counts what its cache gave and took apart from the other input. */
function usageOf(turn: FakeTurn): JsonObject {
  const {
    inputTokens = 10,
    outputTokens = 5,
    cachedInputTokens = 0,
    cacheWriteTokens = 0,
  } = turn.usage ?? {};
  return {
    inputTokens: inputTokens - cachedInputTokens - cacheWriteTokens,
    outputTokens,
    totalTokens: inputTokens + outputTokens,
    ...(cachedInputTokens === 0 ? {} : { cacheReadInputTokens: cachedInputTokens }),
    ...(cacheWriteTokens === 0 ? {} : { cacheWriteInputTokens: cacheWriteTokens }),
  };
}

interface Block {
  readonly start?: JsonObject;
  readonly deltas: readonly JsonObject[];
  readonly whole: JsonObject;
}

function blocksOf(turn: FakeTurn, callIds: () => string): readonly Block[] {
  const chunks = chunksOf(turn);
  const { reasoning } = turn;
  return [
    ...(reasoning === undefined
      ? []
      : [
          {
            deltas: [{ reasoningContent: { text: reasoning } }, { reasoningContent: { signature: 'fake' } }],
            whole: { reasoningContent: { reasoningText: { text: reasoning, signature: 'fake' } } },
          },
        ]),
    ...(chunks.length === 0
      ? []
      : [{ deltas: chunks.map((text) => ({ text })), whole: { text: chunks.join('') } }]),
    ...(turn.toolCalls ?? []).map((call) => {
      const toolUseId = call.id ?? callIds();
      const input = call.rawArguments ?? JSON.stringify(call.arguments ?? {});
      return {
        start: { toolUse: { toolUseId, name: call.name } },
        deltas: [{ toolUse: { input } }],
        whole: { toolUse: { toolUseId, name: call.name, input: call.arguments ?? {} } },
      };
    }),
  ];
}

const dialect: ModelApiDialect = {
  chatPath: /^\/model\/[^/]+\/converse(?:-stream)?$/,
  streamType: 'application/vnd.amazon.eventstream',
  openingPieces: 1,
  pages: { '/foundation-models': { modelSummaries: [{ modelId: 'fake-model', providerName: 'Fake' }] } },
  respond(path, body) {
    if (path.endsWith('/rerank')) {
      const sources = body['sources'] as readonly {
        inlineDocumentSource: { textDocument: { text: string } };
      }[];
      const texts = sources.map((source) => source.inlineDocumentSource.textDocument.text);
      return {
        results: texts.map((text, index) => ({ index, relevanceScore: text.length / 100 })),
      };
    }
    if (!path.endsWith('/invoke')) return undefined;
    const text = typeof body['inputText'] === 'string' ? body['inputText'] : '';
    return { embedding: fakeVector(text), inputTextTokenCount: 1 };
  },
  wantsStream: (_body, path) => path.endsWith('-stream'),
  pieces(turn, _model, callIds) {
    return [
      message('event', 'messageStart', { role: 'assistant' }),
      ...blocksOf(turn, callIds).flatMap(({ start, deltas }, contentBlockIndex) => [
        ...(start === undefined ? [] : [message('event', 'contentBlockStart', { contentBlockIndex, start })]),
        ...deltas.map((delta) => message('event', 'contentBlockDelta', { contentBlockIndex, delta })),
        message('event', 'contentBlockStop', { contentBlockIndex }),
      ]),
      message('event', 'messageStop', { stopReason: reasons[finishReasonOf(turn)] }),
      message('event', 'metadata', { usage: usageOf(turn), metrics: { latencyMs: 1 } }),
    ];
  },
  whole: (turn, _model, callIds) => ({
    output: {
      message: { role: 'assistant', content: blocksOf(turn, callIds).map(({ whole }) => whole) },
    },
    stopReason: reasons[finishReasonOf(turn)],
    usage: usageOf(turn),
    metrics: { latencyMs: 1 },
  }),
  errorBody: (_status, text) => ({ message: text }),
  errorPiece: (text) => message('exception', 'modelStreamErrorException', { message: text }),
};

/** Amazon Bedrock's Converse API on loopback, in the shapes that `@ai-sdk/amazon-bedrock` sends and parses; give `url` as base URL. */
export function startFakeBedrock(): Promise<FakeModelServer> {
  return FakeModelServer.start(dialect);
}
