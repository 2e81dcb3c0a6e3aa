import type { Readable } from 'node:stream';
import type { ByteSource } from '../../platform/http-client/index.ts';
import type { AppError, Json, JsonObject } from '../../base/index.ts';
import type { ModelCaller } from '../accounting/index.ts';
import type { RequestRouting } from './gateway/gateway.ts';
import type {
  CacheMark,
  ChatMessage,
  FinishReason,
  ReasoningPart,
  ToolCall,
  Usage,
} from '../../protocol/index.ts';
import type { PluginProvider } from './providers/simple-provider.ts';

/** A function the model may call. */
export interface ModelTool {
  readonly name: string;
  readonly description: string;
  /** JSON Schema of the arguments. */
  readonly parameters: JsonObject;
  /** Phrases a person might use for it; the offline assistant matches them. */
  readonly examples?: readonly string[];
  /** Arguments must fit the schema exactly, where the provider can enforce it. */
  readonly strict?: boolean;
  readonly cacheControl?: CacheMark;
}

export interface ModelSettings {
  readonly temperature?: number;
  readonly maxTokens?: number;
  readonly topP?: number;
  readonly seed?: number;
  readonly stop?: readonly string[];
  readonly frequencyPenalty?: number;
  readonly presencePenalty?: number;
}

export interface ModelRequest {
  /** The provider's own name of the model. */
  readonly model: string;
  /** Fields of the provider's own request that we have no word for (`reasoning_effort`, `num_ctx`, `thinking`), by wire name. */
  readonly extra?: JsonObject;
  readonly messages: readonly ChatMessage[];
  readonly tools?: readonly ModelTool[];
  readonly toolChoice?: 'auto' | 'none' | 'required' | { readonly name: string };
  readonly settings?: ModelSettings;
  /** Ask for JSON, by schema where the provider can. */
  readonly responseFormat?:
    | { readonly type: 'text' }
    | {
        readonly type: 'json';
        readonly schema?: JsonObject;
        readonly name?: string;
        readonly description?: string;
        /** Default false: schemas of users seldom meet what OpenAI's strict form asks. */
        readonly strict?: boolean;
      };
}

/** What comes with the end of an answer, beside its parts. */
export interface AnswerExtras {
  /** The thinking with what its provider wants back; goes into the assistant's message as it is. */
  readonly reasoningParts?: readonly ReasoningPart[];
  /** What else the provider wants back; goes into the assistant's message as it is. */
  readonly providerData?: JsonObject;
  /** Fields of the provider's answer that we have no word for (`logprobs`, `service_tier`), by wire name. */
  readonly extra?: JsonObject;
}

export interface ModelResponse extends AnswerExtras {
  readonly text: string;
  readonly reasoning?: string;
  readonly toolCalls: readonly ToolCall[];
  readonly finishReason: FinishReason;
  readonly usage: Usage;
  /** The model that really answered. */
  readonly model: string;
}

/** Parts of a streamed answer, in order. Exactly one `finish` or `error` comes last. */
export type ModelEvent =
  | { readonly type: 'text-delta'; readonly text: string }
  | { readonly type: 'reasoning-delta'; readonly text: string }
  | { readonly type: 'tool-call'; readonly call: ToolCall }
  | ({
      readonly type: 'finish';
      readonly finishReason: FinishReason;
      readonly usage: Usage;
      readonly model: string;
    } & AnswerExtras)
  | { readonly type: 'error'; readonly error: AppError };

export interface ModelInfo {
  readonly id: string;
  readonly provider: string;
  readonly contextWindow?: number;
  readonly maxOutputTokens?: number;
  /** What the server says the model can do: `completion`, `tools`, `vision`, `thinking`, `embedding`. */
  readonly capabilities?: readonly string[];
}

export interface ModelCapabilities {
  readonly tools: boolean;
  readonly structuredOutput: boolean;
  readonly images: boolean;
  readonly embeddings: boolean;
  /** Takes PDF as a part of what a user says? Default false. */
  readonly documents?: boolean;
}

/** Texts to be turned into vectors. */
export interface EmbeddingRequest {
  readonly model: string;
  readonly texts: readonly string[];
  readonly dimensions?: number;
  /** Fields of the provider's own request (`input_type`, `task`), by wire name. */
  readonly extra?: JsonObject;
}

export interface EmbeddingResponse {
  /** In the order of the texts. */
  readonly vectors: readonly (readonly number[])[];
  readonly model: string;
  readonly usage: Usage;
}

export interface RerankRequest {
  readonly model: string;
  readonly query: string;
  readonly documents: readonly string[];
  /** The best so many. */
  readonly top?: number;
  /** Fields of the provider's own request, by wire name. */
  readonly extra?: JsonObject;
}

export interface RerankResponse {
  /** Best first; `index` is the place in the request. */
  readonly results: readonly { readonly index: number; readonly score: number }[];
  readonly model: string;
  readonly usage: Usage;
}

/** The shapes of requests that our doors take and upstreams speak. */
export type WireShape =
  | 'openai-chat'
  | 'openai-completions'
  | 'openai-responses'
  | 'openai-embeddings'
  | 'anthropic-messages';

/** A request as a client sent it. */
export interface WireRequest {
  readonly shape: WireShape;
  readonly body: Uint8Array;
  /** The body, parsed. */
  readonly json: JsonObject;
  /** Headers that belong to the request's meaning, such as `anthropic-beta`. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request to be sent on as it is, but for the fields named. */
export interface ForwardRequest {
  readonly wire: WireRequest;
  readonly model: string;
  readonly stream: boolean;
  /** Fields to set where the request has none. */
  readonly params: JsonObject;
  /** Fields to set whatever the request says, such as a smaller `max_tokens`. */
  readonly overrides: JsonObject;
}

/** An upstream's answer that has begun; its status is below 400. */
export interface ForwardResponse {
  readonly status: number;
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes as they come; its failures are the transport's own. */
  readonly body: ByteSource | Readable;
  /** The error for a report that came in place of an answer, or within one. */
  readonly toError?: (report: Json) => AppError;
}

export interface ModelCallOptions {
  /** Aborting ends the upstream call and rejects, or ends the stream, with the signal's reason. */
  readonly signal: AbortSignal;
}

/** A call of the router. */
export interface RoutedCallOptions extends ModelCallOptions {
  /** On whose behalf; absent: the platform itself, without limits. */
  readonly caller?: ModelCaller;
  readonly routing?: RequestRouting;
}

/**
 * A source of language models. Providers do not retry: the router does.
 *
 * `complete` rejects with `AppError`: `model_unavailable` (no connection, 5xx), `rate_limited` (429, `details.retryAfterMs`),
 * `model_rejected` (other 4xx), `context_window_exceeded`, `content_blocked` (its content policy), `timeout`,
 * `upstream_error` (unreadable answer); `details.status` is the upstream's HTTP status where there was one.
 * `stream` never rejects once it has begun: failure is its last event.
 */
export interface LLMProvider {
  readonly name: string;
  readonly capabilities: ModelCapabilities;
  complete(request: ModelRequest, options: ModelCallOptions): Promise<ModelResponse>;
  stream(request: ModelRequest, options: ModelCallOptions): AsyncIterable<ModelEvent>;
  listModels(options: ModelCallOptions): Promise<readonly ModelInfo[]>;
  embed?(request: EmbeddingRequest, options: ModelCallOptions): Promise<EmbeddingResponse>;
  rerank?(request: RerankRequest, options: ModelCallOptions): Promise<RerankResponse>;
  /** Shapes that the upstream takes as they are. Absent: none. */
  readonly wireShapes?: readonly WireShape[];
  /**
   * Sends a request of such a shape on. Resolves with the head of the answer; rejects as `complete` does, also for a status
   * of 400 and above. Usage is asked for in streams (`stream_options.include_usage`).
   */
  forward?(request: ForwardRequest, options: ModelCallOptions): Promise<ForwardResponse>;
}

/** A model chosen for a call: who answers, under which name, with which fallbacks after it. */
export interface ResolvedModel {
  readonly provider: LLMProvider;
  readonly model: string;
  /** Name the caller used, for answers and logs: `provider/model`. */
  readonly id: string;
}

/** State of the model side for banner, `/health` and the offline label. */
export interface ModelStatus {
  /** What agents without a model of their own use now, `provider/model`. */
  readonly defaultModel: string;
  /** True when no language model is connected and the offline provider answers. */
  readonly offline: boolean;
  readonly providers: readonly {
    readonly name: string;
    readonly status: 'ok' | 'down' | 'unknown';
    readonly detail?: string;
  }[];
}

/** How an agent names its model: text, or the definition's `spec.model`. */
export interface ModelReference {
  readonly provider?: string | undefined;
  readonly name?: string | undefined;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly fallbacks?: readonly string[];
}

/**
 * Chooses the provider, retries and falls back. Retries happen only while nothing of the answer has been handed on.
 */
export interface ModelRouter {
  /** `provider/model` → that one; else prefix rules; else the default provider. Errors: `not_found` with the nearest name, `invalid_definition`. */
  resolve(reference: ModelReference | undefined): ResolvedModel;
  stream(
    reference: ModelReference | undefined,
    request: Omit<ModelRequest, 'model'>,
    options: RoutedCallOptions,
  ): AsyncIterable<ModelEvent>;
  complete(
    reference: ModelReference | undefined,
    request: Omit<ModelRequest, 'model'>,
    options: RoutedCallOptions,
  ): Promise<ModelResponse>;
  listModels(options: ModelCallOptions): Promise<readonly ModelInfo[]>;
  /** Errors: `invalid_definition` for what is no provider, `conflict` for a taken name. */
  register(provider: PluginProvider): void;
  status(): ModelStatus;
}
