import type { JsonObject } from '../base/index.ts';
import { FakeModelServer, type ModelApiDialect } from './fake-model-server.ts';
import { chunksOf, finishReasonOf, type FakeTurn } from './fake-turn.ts';
import { fakeVector } from './fake-vectors.ts';

const reasons = {
  stop: 'STOP',
  length: 'MAX_TOKENS',
  'tool-calls': 'STOP',
  'content-filter': 'SAFETY',
  other: 'OTHER',
};
const statuses: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  503: 'UNAVAILABLE',
};
const model = 'fake-model';

/** Thinking is counted apart from the answer. */
function usageOf(turn: FakeTurn): JsonObject {
  const { inputTokens = 10, outputTokens = 5, cachedInputTokens, reasoningTokens = 0 } = turn.usage ?? {};
  return {
    promptTokenCount: inputTokens,
    candidatesTokenCount: outputTokens - reasoningTokens,
    totalTokenCount: inputTokens + outputTokens,
    ...(reasoningTokens === 0 ? {} : { thoughtsTokenCount: reasoningTokens }),
    ...(cachedInputTokens === undefined ? {} : { cachedContentTokenCount: cachedInputTokens }),
  };
}

function answer(parts: readonly JsonObject[], rest: JsonObject = {}, finish?: string): JsonObject {
  return {
    candidates: [
      {
        index: 0,
        content: { role: 'model', parts },
        ...(finish === undefined ? {} : { finishReason: finish }),
      },
    ],
    modelVersion: model,
    ...rest,
  };
}

function thoughts(turn: FakeTurn): JsonObject[] {
  return turn.reasoning === undefined ? [] : [{ text: turn.reasoning, thought: true }];
}

/** The first call of an answer is signed, as Gemini 3 does it. */
function calls(turn: FakeTurn): JsonObject[] {
  return (turn.toolCalls ?? []).map((call, index) => ({
    functionCall: { name: call.name, args: call.arguments ?? {} },
    ...(index === 0 ? { thoughtSignature: 'c2lnbmVk' } : {}),
  }));
}

const dialect: ModelApiDialect = {
  chatPath: /:(?:streamG|g)enerateContent$/,
  streamType: 'text/event-stream',
  openingPieces: 0,
  pages: {
    '/v1beta/models': {
      models: [
        {
          name: `models/${model}`,
          inputTokenLimit: 1_048_576,
          outputTokenLimit: 65_536,
          supportedGenerationMethods: ['generateContent'],
        },
      ],
    },
  },
  respond(path, body) {
    if (path.endsWith(':batchEmbedContents')) {
      const requests = body['requests'] as readonly { content: { parts: readonly { text: string }[] } }[];
      return {
        embeddings: requests.map(({ content }) => ({ values: fakeVector(content.parts[0]?.text ?? '') })),
      };
    }
    if (!path.endsWith(':embedContent')) return undefined;
    const content = body['content'] as { parts: readonly { text: string }[] };
    return { embedding: { values: fakeVector(content.parts[0]?.text ?? '') } };
  },
  wantsStream: (_body, path) => path.endsWith(':streamGenerateContent'),
  pieces(turn) {
    const event = (value: JsonObject): string => `data: ${JSON.stringify(value)}\n\n`;
    return [
      ...thoughts(turn).map((part) => event(answer([part]))),
      ...chunksOf(turn).map((text) => event(answer([{ text }]))),
      ...calls(turn).map((part) => event(answer([part]))),
      event(answer([], { usageMetadata: usageOf(turn) }, reasons[finishReasonOf(turn)])),
    ];
  },
  whole(turn) {
    const text = chunksOf(turn).join('');
    const parts = [...thoughts(turn), ...(text === '' ? [] : [{ text }]), ...calls(turn)];
    return answer(parts, { usageMetadata: usageOf(turn) }, reasons[finishReasonOf(turn)]);
  },
  errorBody: (status, message) => ({
    error: { code: status, message, status: statuses[status] ?? 'UNKNOWN' },
  }),
  errorPiece: (message) =>
    `data: ${JSON.stringify({ error: { code: 503, message, status: 'UNAVAILABLE' } })}\n\n`,
};

/** Google's Gemini API on loopback, in the shapes that `@ai-sdk/google` sends and parses; give `url + '/v1beta'` as base URL. */
export function startFakeGoogle(): Promise<FakeModelServer> {
  return FakeModelServer.start(dialect);
}
