import { estimateTokenCount } from 'tokenx';
import { AppError, systemClock } from '../../../base/index.ts';
import { textOf, type FinishReason, type ToolCall, type Usage } from '../../../protocol/index.ts';
import { boundedCall, boundsOf, type CallBounds } from './bounded-call.ts';
import type { CallLimits } from './call-limits.ts';
import { collectResponse } from '../collect-response.ts';
import type { LLMProvider, ModelEvent, ModelRequest } from '../provider.ts';
import type {
  PluginProvider,
  SimpleAnswer,
  SimpleOptions,
  SimpleProvider,
  SimpleRequest,
} from './simple-provider.ts';
import { toStreamError } from './stream-error.ts';
import { toToolCall } from './tool-arguments.ts';

interface Answer {
  readonly text: string;
  readonly reasoning: string;
  readonly toolCalls: readonly ToolCall[];
  readonly finishReason: FinishReason;
  readonly usage: Usage;
  readonly model: string;
}

function estimated(request: ModelRequest, output: string): Usage {
  const input = request.messages.map((message) => textOf(message.content)).join('\n');
  return { inputTokens: estimateTokenCount(input), outputTokens: estimateTokenCount(output), costUsd: null };
}

function readAnswer(given: SimpleAnswer, request: ModelRequest): Answer {
  const answer = typeof given === 'string' ? { text: given } : given;
  if (answer === null || typeof answer !== 'object') throw new SyntaxError('no answer');
  const text = answer.text ?? answer.content ?? '';
  const calls = (answer.toolCalls ?? []).map((call) =>
    toToolCall({ id: call.id, name: call.name, input: call.arguments }),
  );
  const guess = estimated(request, text);
  return {
    text,
    reasoning: answer.reasoning ?? '',
    toolCalls: calls,
    finishReason: answer.finishReason ?? (calls.length > 0 ? 'tool-calls' : 'stop'),
    model: answer.model ?? request.model,
    usage: {
      ...guess,
      ...answer.usage,
      inputTokens:
        answer.usage?.inputTokens ?? answer.promptTokens ?? answer.prompt_tokens ?? guess.inputTokens,
      outputTokens:
        answer.usage?.outputTokens ??
        answer.completionTokens ??
        answer.completion_tokens ??
        guess.outputTokens,
    },
  };
}

/** A plugin says in its own words what went wrong; only what it throws as `AppError` has a meaning of its own. */
function failureOf(name: string, error: unknown): AppError {
  if (error instanceof AppError) return error;
  const words = error instanceof Error ? error.message : String(error);
  return new AppError('upstream_error', `The model provider "${name}" failed: ${words}`, {
    details: { provider: name },
    cause: error,
  });
}

function isWhole(provider: PluginProvider): provider is LLMProvider {
  const { capabilities } = provider;
  return typeof provider.stream === 'function' && capabilities?.tools !== undefined;
}

function wrap(simple: SimpleProvider): LLMProvider {
  const { name } = simple;
  const bounds: CallBounds = {
    clock: systemClock,
    upstream: { label: `The provider "${name}"`, address: 'its plugin', keyHint: '' },
  };
  const ask = simple.complete ?? simple.generate;
  const requestOf = (request: ModelRequest): SimpleRequest => Object.assign([...request.messages], request);
  const optionsOf = (request: ModelRequest, { signal }: CallLimits): SimpleOptions => ({
    signal,
    model: request.model,
    ...(request.settings?.temperature === undefined ? {} : { temperature: request.settings.temperature }),
    ...(request.settings?.maxTokens === undefined ? {} : { maxTokens: request.settings.maxTokens }),
  });

  async function* whole(request: ModelRequest, limits: CallLimits): AsyncGenerator<ModelEvent, void> {
    if (ask === undefined) throw new TypeError('neither complete nor generate');
    const given = await limits.race(
      Promise.resolve(ask.call(simple, requestOf(request), optionsOf(request, limits))),
    );
    const answer = readAnswer(given, request);
    if (answer.reasoning !== '') yield { type: 'reasoning-delta', text: answer.reasoning };
    if (answer.text !== '') yield { type: 'text-delta', text: answer.text };
    for (const call of answer.toolCalls) yield { type: 'tool-call', call };
    const { finishReason, usage, model } = answer;
    yield { type: 'finish', finishReason, usage, model };
  }

  async function* pieces(request: ModelRequest, limits: CallLimits): AsyncGenerator<ModelEvent, void> {
    if (simple.stream === undefined) return;
    const source = simple.stream(requestOf(request), optionsOf(request, limits));
    const iterator = source[Symbol.asyncIterator]();
    let text = '';
    try {
      for (;;) {
        const { done, value } = await limits.race(iterator.next());
        if (done === true) break;
        limits.touch();
        const event: ModelEvent = typeof value === 'string' ? { type: 'text-delta', text: value } : value;
        if (event.type === 'text-delta') text += event.text;
        yield event;
        if (event.type === 'finish' || event.type === 'error') return;
      }
    } finally {
      // Not awaited: a stream that hangs would never answer.
      iterator.return?.().then(undefined, () => {});
    }
    yield { type: 'finish', finishReason: 'stop', usage: estimated(request, text), model: request.model };
  }

  async function* stream(
    request: ModelRequest,
    options: { signal: AbortSignal },
  ): AsyncGenerator<ModelEvent, void> {
    const limits = boundsOf(bounds, options.signal);
    try {
      yield* simple.stream === undefined ? whole(request, limits) : pieces(request, limits);
    } catch (error) {
      const aborted = limits.signal.aborted;
      yield {
        type: 'error',
        error: aborted ? toStreamError(limits.signal.reason) : failureOf(name, error),
      };
    } finally {
      limits.close();
    }
  }

  const { embed, rerank } = simple;
  return {
    name,
    capabilities: {
      tools: false,
      structuredOutput: false,
      images: false,
      embeddings: embed !== undefined,
      ...simple.capabilities,
    },
    stream,
    async complete(request, options) {
      const limits = boundsOf(bounds, options.signal);
      try {
        return await collectResponse(ask === undefined ? pieces(request, limits) : whole(request, limits));
      } catch (error) {
        throw limits.signal.aborted ? (limits.signal.reason as Error) : failureOf(name, error);
      } finally {
        limits.close();
      }
    },
    listModels: ({ signal }) =>
      boundedCall(bounds, signal, async (limits) => {
        try {
          const models = await simple.listModels({ signal: limits.signal });
          return models.map((model) => (typeof model === 'string' ? { id: model, provider: name } : model));
        } catch (error) {
          throw failureOf(name, error);
        }
      }),
    ...(embed === undefined ? {} : { embed: (request, options) => embed.call(simple, request, options) }),
    ...(rerank === undefined ? {} : { rerank: (request, options) => rerank.call(simple, request, options) }),
  };
}

/** A provider of a plugin as a whole one: what it lacks is filled in. What is none at all comes back as it is. */
export function adaptProvider(provider: PluginProvider): LLMProvider {
  const candidate = provider as Partial<SimpleProvider> | null | undefined;
  if (candidate === null || typeof candidate !== 'object' || isWhole(provider))
    return provider as LLMProvider;
  const answers = [candidate.complete, candidate.generate, candidate.stream].some(
    (method) => typeof method === 'function',
  );
  // What is no provider is left for `checkProvider`, which names every fault at once.
  return answers && typeof candidate.listModels === 'function' && typeof candidate.name === 'string'
    ? wrap(provider)
    : (provider as LLMProvider);
}
