import type { LanguageModelV4 } from '@ai-sdk/provider';
import { isJsonObject, type Clock } from '../../../base/index.ts';
import type { EgressClient } from '../../../platform/http-client/index.ts';
import { createAiSdkProvider } from './ai-sdk-provider.ts';
import type { CallTimes } from './call-limits.ts';
import { connectingFetch } from './connecting-fetch.ts';
import { foreignFields } from './foreign-fields.ts';
import { fetchJson } from './fetch-json.ts';
import type { OpenAIShape } from './forward-openai.ts';
import { OpenAIAnswerReader } from './openai-answer-extras.ts';
import { embedInBatches, readOpenAIEmbeddings } from './openai-embeddings.ts';
import type { OpenAIQuirks } from './openai-quirks.ts';
import { toOpenAIRequest } from './openai-request.ts';
import { readOpenAIUsage } from './openai-usage.ts';
import { shownAddress, type Upstream } from './provider-error.ts';
import type { LLMProvider } from '../provider.ts';
import { createQuirkyForward } from './quirky-forward.ts';
import { readOpenAIModels } from './read-openai-models.ts';
import { readRerank, toRerankBody } from './read-rerank.ts';

/** Where an OpenAI-compatible server is and how to speak with it. */
export interface OpenAICompatibleOptions extends CallTimes {
  /** Name under which the router knows it. Default `openai`. */
  readonly name?: string;
  /** Default `https://api.openai.com/v1`. A query such as `?api-version=…` goes along with each call. */
  readonly baseUrl?: string;
  readonly apiKey?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Does the server take a JSON Schema as response format? Default true. */
  readonly structuredOutputs?: boolean;
  /** What the server is called in messages. */
  readonly label?: string;
  /** What to set when the key is refused. */
  readonly keyHint?: string;
  /** Default `authorization`, or `api-key` at an address of Azure. */
  readonly keyHeader?: 'authorization' | 'api-key';
  readonly quirks?: OpenAIQuirks;
  /** Address below which the calls for one model go; default the base URL. */
  readonly addressOf?: (model: string) => string;
  /** Most texts in one call for embeddings. Default 2048. */
  readonly embeddingBatch?: number;
  /** Does it have `/rerank`? Default false. */
  readonly rerank?: boolean;
  readonly fetch: typeof globalThis.fetch;
  /** With it requests of OpenAI's shapes are sent on as they are. */
  readonly pass?: EgressClient['pass'];
  /** Shapes that the server takes, where its address does not tell. */
  readonly wireShapes?: readonly OpenAIShape[];
  readonly clock: Clock;
}

/** Models of OpenAI that think; they take no sampling settings. */
export const openAIReasoningModels = /^(?:o\d|gpt-5(?!-chat))/;

/**
 * The name under which the AI SDK files what comes with a call. Only Google's models behind an OpenAI-compatible server
 * send such data (thought signatures), so that it is filed as theirs whichever server it came by.
 */
const dataName = 'google';
const mostModels = 200;
/** Services that take PDF in `file` parts; others refuse the part. */
const takesDocuments: ReadonlySet<string> = new Set(['api.openai.com', 'openrouter.ai']);

type Body = Record<string, unknown>;

/** OpenAI, Azure OpenAI, LiteLLM, vLLM, Together and whatever else speaks chat completions. */
export function createOpenAICompatibleProvider(options: OpenAICompatibleOptions): LLMProvider {
  const { name = 'openai', baseUrl = 'https://api.openai.com/v1', apiKey, clock } = options;
  const { rerank = false, ...own } = options;
  const fetch = connectingFetch(options.fetch);
  const url = new URL(baseUrl);
  const root = shownAddress(baseUrl);
  const isAzure = url.hostname.endsWith('.openai.azure.com');
  const isOpenAI = url.hostname === 'api.openai.com';
  const quirks: OpenAIQuirks = {
    ...(isOpenAI || isAzure ? { reasoningModels: openAIReasoningModels, refuses: foreignFields } : {}),
    ...options.quirks,
    ...(options.structuredOutputs === undefined ? {} : { schemas: options.structuredOutputs }),
  };
  const upstream: Upstream = {
    label:
      options.label ??
      (isAzure ? 'Azure OpenAI' : isOpenAI ? 'OpenAI' : `The OpenAI-compatible server "${name}"`),
    address: root,
    keyHint: options.keyHint ?? (name === 'openai' ? 'Check OPENAI_API_KEY.' : 'Check its api_key.'),
    secret: apiKey,
    secrets: Object.values(options.headers ?? {}),
  };
  const keyHeader = options.keyHeader ?? (isAzure ? 'api-key' : 'authorization');
  const headers: Record<string, string> = {
    ...(apiKey === undefined
      ? {}
      : keyHeader === 'api-key'
        ? { 'api-key': apiKey }
        : { authorization: `Bearer ${apiKey}` }),
    ...options.headers,
  };
  const addressOf = options.addressOf ?? ((): string => root);
  const usageOption = quirks.usageOption ?? true;
  const models = new Map<string, Promise<LanguageModelV4>>();

  async function loadModel(model: string): Promise<LanguageModelV4> {
    const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible');
    const queryParams = Object.fromEntries(url.searchParams);
    return createOpenAICompatible({
      name: dataName,
      baseURL: addressOf(model),
      headers,
      fetch,
      includeUsage: usageOption,
      supportsStructuredOutputs: true,
      ...(url.search === '' ? {} : { queryParams }),
      // The body is ours; the SDK says only whether it streams.
      transformRequestBody: ({ body, stream, stream_options: usage }: Body) => ({
        ...(body as Body),
        ...(stream === true ? { stream, ...(usage === undefined ? {} : { stream_options: usage }) } : {}),
      }),
      convertUsage: readOpenAIUsage,
      metadataExtractor: {
        extractMetadata: ({ parsedBody }) => {
          const reader = new OpenAIAnswerReader();
          reader.take(parsedBody);
          return Promise.resolve({ agent33: { ...reader.extras } as never });
        },
        createStreamExtractor: () => {
          const reader = new OpenAIAnswerReader();
          return {
            processChunk: (chunk) => reader.take(chunk),
            buildMetadata: () => ({ agent33: { ...reader.extras } as never }),
          };
        },
      },
    }).chatModel(model);
  }

  function modelOf(model: string): Promise<LanguageModelV4> {
    const known = models.get(model);
    if (known !== undefined) return known;
    if (models.size >= mostModels) models.clear();
    const loading = loadModel(model);
    models.set(model, loading);
    return loading;
  }

  const read = (path: string, signal: AbortSignal, body?: Parameters<typeof fetchJson>[0]['body']) =>
    fetchJson({
      fetch,
      upstream,
      url: `${path}${url.search}`,
      headers,
      signal,
      nowMs: clock.now(),
      ...(body === undefined ? {} : { body }),
    });

  const provider = createAiSdkProvider({
    ...own,
    name,
    upstream,
    capabilities: {
      tools: true,
      structuredOutput: quirks.schemas ?? true,
      images: true,
      embeddings: true,
      documents: takesDocuments.has(url.hostname),
    },
    async prepare(request) {
      const body = toOpenAIRequest(request, quirks);
      return {
        model: await modelOf(request.model),
        options: { prompt: [], providerOptions: { [dataName]: { body } } },
      };
    },
    readExtras: (metadata) => {
      const extras: unknown = metadata?.['agent33'];
      return isJsonObject(extras) ? extras : {};
    },
    fetchModels: async ({ signal }) => readOpenAIModels(await read(`${root}/models`, signal), name),
    embed: (request, { signal }) =>
      embedInBatches(request, options.embeddingBatch ?? 2048, async (texts) => {
        const { model, dimensions, extra } = request;
        const body = {
          ...extra,
          model,
          input: texts,
          encoding_format: 'float',
          ...(dimensions === undefined ? {} : { dimensions }),
        };
        return readOpenAIEmbeddings(await read(`${addressOf(model)}/embeddings`, signal, body));
      }),
    ...(rerank
      ? {
          rerank: async (request, { signal }) =>
            readRerank(await read(`${root}/rerank`, signal, toRerankBody(request)), request),
        }
      : {}),
  });
  if (options.pass === undefined) return provider;
  const { pass, wireShapes: shapes } = options;
  return {
    ...provider,
    ...createQuirkyForward({
      ...options,
      quirks,
      pass,
      upstream,
      baseUrl,
      headers,
      ...(shapes === undefined ? {} : { shapes }),
    }),
  };
}
