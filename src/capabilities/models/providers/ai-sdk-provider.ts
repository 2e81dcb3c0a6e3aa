import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4FinishReason,
  LanguageModelV4StreamPart,
  SharedV4ProviderMetadata,
} from '@ai-sdk/provider';
import { AppError } from '../../../base/index.ts';
import type { FinishReason, ToolCall } from '../../../protocol/index.ts';
import { AnswerGatherer, callData, toUsage } from './ai-sdk-answer.ts';
import { boundedCall, boundsOf, type CallBounds } from './bounded-call.ts';
import type { CallLimits } from './call-limits.ts';
import { reportedError, toProviderError } from './provider-error.ts';
import type {
  AnswerExtras,
  EmbeddingRequest,
  EmbeddingResponse,
  LLMProvider,
  ModelCapabilities,
  ModelEvent,
  ModelInfo,
  ModelRequest,
  ModelResponse,
  RerankRequest,
  RerankResponse,
} from '../provider.ts';
import { toStreamError } from './stream-error.ts';
import { toToolCall } from './tool-arguments.ts';

/** A model of the SDK and what it is asked, without the signal. */
export interface PreparedCall {
  readonly model: Pick<LanguageModelV4, 'doGenerate' | 'doStream'>;
  readonly options: LanguageModelV4CallOptions;
}

interface AiSdkProviderDeps extends CallBounds {
  readonly name: string;
  readonly capabilities: ModelCapabilities;
  readonly prepare: (request: ModelRequest) => Promise<PreparedCall>;
  readonly fetchModels: (limits: CallLimits) => Promise<readonly ModelInfo[]>;
  /** What the dialect reads from the metadata of an answer. */
  readonly readExtras?: (metadata: SharedV4ProviderMetadata | undefined) => AnswerExtras;
  readonly embed?: (request: EmbeddingRequest, limits: CallLimits) => Promise<EmbeddingResponse>;
  readonly rerank?: (request: RerankRequest, limits: CallLimits) => Promise<RerankResponse>;
}

/** Our finish reason, or `undefined` where the provider did not come to an end of its own. */
function toFinishReason(reason: LanguageModelV4FinishReason, calledTools: boolean): FinishReason | undefined {
  if (reason.unified === 'error' || reason.unified === 'interrupted') return undefined;
  // Several compatible servers say "stop" after tool calls.
  const ended = calledTools && reason.unified !== 'length' && reason.unified !== 'content-filter';
  return ended ? 'tool-calls' : reason.unified;
}

/** Makes an `LLMProvider` of an AI SDK model; only its `doGenerate` and `doStream` are used. */
export function createAiSdkProvider(deps: AiSdkProviderDeps): LLMProvider {
  const { name, upstream, clock, embed, rerank } = deps;
  const who = `${upstream.label} at ${upstream.address}`;
  const readExtras = deps.readExtras ?? ((): AnswerExtras => ({}));
  const cutOff = (): AppError => new AppError('upstream_error', `${who} cut its answer off.`);
  /** An answer that was refused as a whole goes to another model; one that was cut short is an answer. */
  const blocked = (): AppError =>
    new AppError('content_blocked', `${who} gave no answer: its content policy forbids it.`, {
      details: { provider: upstream.label },
    });

  async function complete(request: ModelRequest, limits: CallLimits): Promise<ModelResponse> {
    const { model, options } = await deps.prepare(request);
    const result = await model.doGenerate({ ...options, abortSignal: limits.signal });
    const gatherer = new AnswerGatherer();
    let text = '';
    let reasoning = '';
    const toolCalls: ToolCall[] = [];
    for (const part of result.content) {
      gatherer.take(part);
      if (part.type === 'text') text += part.text;
      else if (part.type === 'reasoning') reasoning += part.text;
      else if (part.type === 'tool-call' && part.providerExecuted !== true)
        toolCalls.push({
          ...toToolCall({ id: part.toolCallId, name: part.toolName, input: part.input }),
          ...callData(part.providerMetadata),
        });
    }
    const finishReason = toFinishReason(result.finishReason, toolCalls.length > 0);
    if (finishReason === undefined) throw cutOff();
    if (finishReason === 'content-filter' && text === '' && toolCalls.length === 0) throw blocked();
    return {
      text,
      toolCalls,
      finishReason,
      usage: toUsage(result.usage),
      model: result.response?.modelId ?? request.model,
      ...(reasoning === '' ? {} : { reasoning }),
      ...gatherer.extras(readExtras(result.providerMetadata)),
    };
  }

  interface StreamState {
    calledTools: boolean;
    said: boolean;
    model: string;
    readonly gatherer: AnswerGatherer;
  }

  /** One part of the SDK's stream as our event; `undefined` for what does not concern us. */
  function toEvent(part: LanguageModelV4StreamPart, state: StreamState): ModelEvent | undefined {
    state.gatherer.take(part);
    if (part.type === 'text-delta')
      return part.delta === '' ? undefined : { type: 'text-delta', text: part.delta };
    if (part.type === 'reasoning-delta')
      return part.delta === '' ? undefined : { type: 'reasoning-delta', text: part.delta };
    if (part.type === 'response-metadata') state.model = part.modelId ?? state.model;
    // What the provider has done by itself is in its answer.
    if (part.type === 'tool-call' && part.providerExecuted !== true) {
      state.calledTools = true;
      const call = toToolCall({ id: part.toolCallId, name: part.toolName, input: part.input });
      return { type: 'tool-call', call: { ...call, ...callData(part.providerMetadata) } };
    }
    if (part.type === 'finish') {
      const finishReason = toFinishReason(part.finishReason, state.calledTools);
      if (finishReason === undefined) throw cutOff();
      if (finishReason === 'content-filter' && !state.said) throw blocked();
      return {
        type: 'finish',
        finishReason,
        usage: toUsage(part.usage),
        model: state.model,
        ...state.gatherer.extras(readExtras(part.providerMetadata)),
      };
    }
    if (part.type === 'error')
      throw part.error instanceof Error ? part.error : reportedError(upstream, part.error);
    return undefined;
  }

  async function* stream(
    request: ModelRequest,
    callOptions: { signal: AbortSignal },
  ): AsyncGenerator<ModelEvent, void> {
    const limits = boundsOf(deps, callOptions.signal);
    let begun = false;
    try {
      const { model, options } = await limits.race(deps.prepare(request));
      const result = await limits.race(model.doStream({ ...options, abortSignal: limits.signal }));
      begun = true;
      const reader = result.stream.getReader();
      const state: StreamState = {
        calledTools: false,
        said: false,
        model: request.model,
        gatherer: new AnswerGatherer(),
      };
      for (;;) {
        const { done, value } = await limits.race(reader.read());
        if (done) throw cutOff();
        // These come with the head of the answer, and a model may think for long after it.
        if (value.type !== 'stream-start' && value.type !== 'response-metadata') limits.touch();
        const event = toEvent(value, state);
        if (event === undefined) continue;
        if (event.type !== 'reasoning-delta') state.said = true;
        yield event;
        if (event.type === 'finish') return;
      }
    } catch (error) {
      yield {
        type: 'error',
        error: limits.signal.aborted
          ? toStreamError(limits.signal.reason)
          : toProviderError(upstream, error, { nowMs: clock.now(), begun }),
      };
    } finally {
      limits.close();
    }
  }

  return {
    name,
    capabilities: deps.capabilities,
    complete: (request, { signal }) => boundedCall(deps, signal, (limits) => complete(request, limits)),
    stream,
    listModels: ({ signal }) => boundedCall(deps, signal, deps.fetchModels),
    ...(embed === undefined
      ? {}
      : { embed: (request, { signal }) => boundedCall(deps, signal, (limits) => embed(request, limits)) }),
    ...(rerank === undefined
      ? {}
      : { rerank: (request, { signal }) => boundedCall(deps, signal, (limits) => rerank(request, limits)) }),
  };
}
