import type { JsonObject } from '../../../base/index.ts';
import type { ChatMessage, FinishReason, ToolCall, Usage } from '../../../protocol/index.ts';
import type {
  EmbeddingRequest,
  EmbeddingResponse,
  LLMProvider,
  ModelCallOptions,
  ModelCapabilities,
  ModelEvent,
  ModelInfo,
  ModelRequest,
  RerankRequest,
  RerankResponse,
} from '../provider.ts';

/** What `complete` of a simple provider is called with: the messages, and the fields of the request on the same value. */
export type SimpleRequest = readonly ChatMessage[] & ModelRequest;

/** The second argument: what a small provider needs, under plain names. */
export interface SimpleOptions extends ModelCallOptions {
  readonly model: string;
  readonly temperature?: number;
  readonly maxTokens?: number;
}

/** An answer: its text, or an object. Spellings with `_` are read too; usage that is not told is estimated. */
export type SimpleAnswer =
  | string
  | {
      readonly text?: string;
      readonly content?: string;
      readonly reasoning?: string;
      readonly toolCalls?: readonly (Omit<ToolCall, 'arguments'> & {
        readonly arguments: JsonObject | string;
      })[];
      readonly finishReason?: FinishReason;
      readonly model?: string;
      readonly usage?: Partial<Usage>;
      readonly promptTokens?: number;
      readonly completionTokens?: number;
      readonly prompt_tokens?: number;
      readonly completion_tokens?: number;
    };

/**
 * The smallest provider that can be registered: `complete` (or `generate`) and `listModels`. Streaming is one part
 * unless `stream` yields texts or events. It need not heed the signal: whoever waits is answered all the same.
 */
export interface SimpleProvider {
  readonly name: string;
  complete?(request: SimpleRequest, options: SimpleOptions): Promise<SimpleAnswer> | SimpleAnswer;
  generate?(request: SimpleRequest, options: SimpleOptions): Promise<SimpleAnswer> | SimpleAnswer;
  stream?(request: SimpleRequest, options: SimpleOptions): AsyncIterable<string | ModelEvent>;
  listModels(
    options: ModelCallOptions,
  ): Promise<readonly (string | ModelInfo)[]> | readonly (string | ModelInfo)[];
  embed?(request: EmbeddingRequest, options: ModelCallOptions): Promise<EmbeddingResponse>;
  rerank?(request: RerankRequest, options: ModelCallOptions): Promise<RerankResponse>;
  readonly capabilities?: Partial<ModelCapabilities>;
}

/** What a plugin may register as provider. */
export type PluginProvider = LLMProvider | SimpleProvider;
