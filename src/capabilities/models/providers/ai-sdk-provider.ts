import type {
  LanguageModelV4,
  LanguageModelV4FinishReason,
  LanguageModelV4StreamPart,
  LanguageModelV4Usage,
} from '@ai-sdk/provider';
import { AppError, type Clock } from '../../../base/index.ts';
import type { FinishReason, ToolCall, Usage } from '../../../protocol/index.ts';
import { toCallOptions } from './ai-sdk-prompt.ts';
import { limitCall, type CallLimits, type CallTimes } from './call-limits.ts';
import { reportedError, toProviderError, type Upstream } from './provider-error.ts';
import type {
  LLMProvider,
  ModelCapabilities,
  ModelEvent,
  ModelInfo,
  ModelRequest,
  ModelResponse,
} from '../provider.ts';
import { toStreamError } from './stream-error.ts';
import { toToolCall } from './tool-arguments.ts';

interface AiSdkProviderDeps extends CallTimes {
  readonly name: string;
  readonly upstream: Upstream;
  readonly capabilities: ModelCapabilities;
  readonly clock: Clock;
  /** The API takes system messages only at the front. */
  readonly systemFirst: boolean;
  readonly loadModel: (model: string) => Promise<LanguageModelV4>;
  readonly fetchModels: (limits: CallLimits) => Promise<readonly ModelInfo[]>;
}

function toUsage(usage: LanguageModelV4Usage): Usage {
  return {
    inputTokens: usage.inputTokens.total ?? 0,
    outputTokens: usage.outputTokens.total ?? 0,
    costUsd: null,
  };
}

/** Our finish reason, or `undefined` where the provider did not come to an end of its own. */
function toFinishReason(reason: LanguageModelV4FinishReason, calledTools: boolean): FinishReason | undefined {
  if (reason.unified === 'error' || reason.unified === 'interrupted') return undefined;
  // Several compatible servers say "stop" after tool calls.
  return calledTools && reason.unified !== 'length' ? 'tool-calls' : reason.unified;
}

/** Makes an `LLMProvider` of an AI SDK model; only its `doGenerate` and `doStream` are used. */
export function createAiSdkProvider(deps: AiSdkProviderDeps): LLMProvider {
  const { name, upstream, clock } = deps;
  const who = `${upstream.label} at ${upstream.address}`;
  const begin = (signal: AbortSignal): CallLimits => limitCall({ ...deps, who, signal });
  const cutOff = (): AppError => new AppError('upstream_error', `${who} cut its answer off.`);

  async function complete(request: ModelRequest, options: { signal: AbortSignal }): Promise<ModelResponse> {
    const limits = begin(options.signal);
    try {
      const model = await deps.loadModel(request.model);
      const call = toCallOptions(request, { signal: limits.signal, systemFirst: deps.systemFirst });
      const result = await limits.race(model.doGenerate(call));
      let text = '';
      let reasoning = '';
      const toolCalls: ToolCall[] = [];
      for (const part of result.content) {
        if (part.type === 'text') text += part.text;
        else if (part.type === 'reasoning') reasoning += part.text;
        else if (part.type === 'tool-call')
          toolCalls.push(toToolCall({ id: part.toolCallId, name: part.toolName, input: part.input }));
      }
      const finishReason = toFinishReason(result.finishReason, toolCalls.length > 0);
      if (finishReason === undefined) throw cutOff();
      return {
        text,
        toolCalls,
        finishReason,
        usage: toUsage(result.usage),
        model: result.response?.modelId ?? request.model,
        ...(reasoning === '' ? {} : { reasoning }),
      };
    } catch (error) {
      if (limits.signal.aborted) throw limits.signal.reason;
      throw toProviderError(upstream, error, { nowMs: clock.now(), begun: false });
    } finally {
      limits.close();
    }
  }

  /** One part of the SDK's stream as our event; `undefined` for what does not concern us. */
  function toEvent(
    part: LanguageModelV4StreamPart,
    state: { calledTools: boolean; model: string },
  ): ModelEvent | undefined {
    if (part.type === 'text-delta')
      return part.delta === '' ? undefined : { type: 'text-delta', text: part.delta };
    if (part.type === 'reasoning-delta')
      return part.delta === '' ? undefined : { type: 'reasoning-delta', text: part.delta };
    if (part.type === 'response-metadata') state.model = part.modelId ?? state.model;
    if (part.type === 'tool-call') {
      state.calledTools = true;
      const call = toToolCall({ id: part.toolCallId, name: part.toolName, input: part.input });
      return { type: 'tool-call', call };
    }
    if (part.type === 'finish') {
      const finishReason = toFinishReason(part.finishReason, state.calledTools);
      if (finishReason === undefined) throw cutOff();
      return { type: 'finish', finishReason, usage: toUsage(part.usage), model: state.model };
    }
    if (part.type === 'error')
      throw part.error instanceof Error ? part.error : reportedError(upstream, part.error);
    return undefined;
  }

  async function* stream(
    request: ModelRequest,
    options: { signal: AbortSignal },
  ): AsyncGenerator<ModelEvent, void> {
    const limits = begin(options.signal);
    let begun = false;
    try {
      const model = await deps.loadModel(request.model);
      const call = toCallOptions(request, { signal: limits.signal, systemFirst: deps.systemFirst });
      const result = await limits.race(model.doStream(call));
      begun = true;
      const reader = result.stream.getReader();
      const state = { calledTools: false, model: request.model };
      for (;;) {
        const { done, value } = await limits.race(reader.read());
        if (done) throw cutOff();
        // These come with the head of the answer, and a model may think for long after it.
        if (value.type !== 'stream-start' && value.type !== 'response-metadata') limits.touch();
        const event = toEvent(value, state);
        if (event === undefined) continue;
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
    complete,
    stream,
    async listModels(options) {
      const limits = begin(options.signal);
      try {
        return await limits.race(deps.fetchModels(limits));
      } catch (error) {
        if (limits.signal.aborted) throw limits.signal.reason;
        throw toProviderError(upstream, error, { nowMs: clock.now(), begun: false });
      } finally {
        limits.close();
      }
    },
  };
}
