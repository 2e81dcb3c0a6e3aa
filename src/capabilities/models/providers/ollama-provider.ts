import { AppError, isJsonObject, type Clock, type Json, type JsonObject } from '../../../base/index.ts';
import type { FinishReason } from '../../../protocol/index.ts';
import { boundedCall, boundsOf, type CallBounds } from './bounded-call.ts';
import type { CallLimits, CallTimes } from './call-limits.ts';
import { collectResponse } from '../collect-response.ts';
import { connectingFetch } from './connecting-fetch.ts';
import { fetchJson } from './fetch-json.ts';
import { OllamaContext } from './ollama-context.ts';
import { ollamaBatch, readOllamaEmbeddings, toOllamaEmbedding } from './ollama-embeddings.ts';
import { OllamaModels } from './ollama-models.ts';
import { toOllamaRequest, type OllamaSettings } from './ollama-request.ts';
import { embedInBatches } from './openai-embeddings.ts';
import {
  reportedError,
  shownAddress,
  statusError,
  toProviderError,
  type Upstream,
} from './provider-error.ts';
import type { LLMProvider, ModelEvent, ModelRequest } from '../provider.ts';
import { readNdjson } from './read-ndjson.ts';
import { toStreamError } from './stream-error.ts';
import { toToolCall } from './tool-arguments.ts';

/** Where an Ollama server is. */
export interface OllamaOptions extends CallTimes, OllamaSettings {
  /** Name under which the router knows it. Default `ollama`. */
  readonly name?: string;
  readonly baseUrl: string;
  /** For a server behind an authenticating proxy. */
  readonly apiKey?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
}

interface StreamState {
  calls: number;
  readonly earlierCalls: number;
  model: string;
  finished: boolean;
  readonly logprobs: Json[];
}

/** Times of Ollama's answer, in nanoseconds, as the last line has them. */
const durations = ['total_duration', 'load_duration', 'prompt_eval_duration', 'eval_duration'] as const;

function extrasOf(chunk: JsonObject, state: StreamState): { extra?: JsonObject } {
  const told = durations.flatMap((name) =>
    typeof chunk[name] === 'number' ? [[name, chunk[name]] as const] : [],
  );
  if (told.length === 0 && state.logprobs.length === 0) return {};
  return {
    extra: {
      ...Object.fromEntries(told),
      ...(state.logprobs.length === 0 ? {} : { logprobs: { content: state.logprobs } }),
    },
  };
}

const count = (value: Json | undefined): number => (typeof value === 'number' ? value : 0);

function finishReasonOf(reason: Json | undefined, calledTools: boolean): FinishReason {
  if (calledTools) return 'tool-calls';
  return reason === 'stop' || reason === undefined ? 'stop' : reason === 'length' ? 'length' : 'other';
}

/** Ollama over its own API, which carries context size, keep-alive and thinking. `complete` reads the stream to its end. */
export function createOllamaProvider(options: OllamaOptions): LLMProvider {
  const { name = 'ollama', apiKey, clock } = options;
  const fetch = connectingFetch(options.fetch);
  const root = shownAddress(options.baseUrl).replace(/\/(?:v1|api)$/, '');
  const upstream: Upstream = {
    label: 'Ollama',
    address: root,
    keyHint: 'Check its api_key.',
    secret: apiKey,
  };
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
    ...options.headers,
  };
  const bounds: CallBounds = { ...options, upstream };
  const models = new OllamaModels({ root, upstream, headers, fetch, clock });
  const context = new OllamaContext();

  async function contextOf(request: ModelRequest, limits: CallLimits): Promise<number | undefined> {
    const said = options.numCtx ?? request.extra?.['num_ctx'];
    if (said !== undefined || !context.isLong(request)) return undefined;
    const { contextLength } = await limits.race(models.tryShow(request.model, limits.signal));
    return context.choose(request, contextLength);
  }

  async function open(request: ModelRequest, limits: CallLimits): Promise<ReadableStream<Uint8Array>> {
    const numCtx = await contextOf(request, limits);
    const body = JSON.stringify(toOllamaRequest(request, options, numCtx));
    const response = await limits.race(
      fetch(`${root}/api/chat`, { method: 'POST', headers, body, signal: limits.signal }),
    );
    if (!response.ok) {
      const text = await limits.race(response.text());
      const answer = { status: response.status, headers: Object.fromEntries(response.headers), body: text };
      if (response.status === 404 && /model/.test(text))
        throw new AppError(
          'model_rejected',
          `Ollama at ${root} does not have the model "${request.model}"; run: ollama pull ${request.model}`,
          { details: { provider: 'Ollama', status: 404 } },
        );
      throw statusError(upstream, answer, clock.now());
    }
    if (response.body === null) throw new SyntaxError('an answer without a body');
    return response.body;
  }

  function* toEvents(chunk: Json, state: StreamState): Generator<ModelEvent> {
    if (!isJsonObject(chunk)) throw new SyntaxError('a line of the answer is no object');
    if (chunk['error'] !== undefined) throw reportedError(upstream, chunk);
    if (typeof chunk['model'] === 'string') state.model = chunk['model'];
    const message = isJsonObject(chunk['message']) ? chunk['message'] : {};
    if (typeof message['thinking'] === 'string' && message['thinking'] !== '')
      yield { type: 'reasoning-delta', text: message['thinking'] };
    if (typeof message['content'] === 'string' && message['content'] !== '')
      yield { type: 'text-delta', text: message['content'] };
    const calls: readonly unknown[] = Array.isArray(message['tool_calls']) ? message['tool_calls'] : [];
    for (const call of calls) {
      const wanted = isJsonObject(call) && isJsonObject(call['function']) ? call['function'] : {};
      if (typeof wanted['name'] !== 'string') throw new SyntaxError('a tool call without a name');
      state.calls += 1;
      const given =
        isJsonObject(call) && typeof call['id'] === 'string' && call['id'] !== '' ? call['id'] : undefined;
      yield {
        type: 'tool-call',
        call: toToolCall({
          id: given ?? `call_${state.earlierCalls + state.calls}`,
          name: wanted['name'],
          input: wanted['arguments'],
        }),
      };
    }
    if (Array.isArray(chunk['logprobs'])) state.logprobs.push(...(chunk['logprobs'] as Json[]));
    if (chunk['done'] !== true) return;
    state.finished = true;
    yield {
      type: 'finish',
      finishReason: finishReasonOf(chunk['done_reason'], state.calls > 0),
      usage: {
        inputTokens: count(chunk['prompt_eval_count']),
        outputTokens: count(chunk['eval_count']),
        costUsd: null,
      },
      model: state.model,
      ...extrasOf(chunk, state),
    };
  }

  async function* stream(
    request: ModelRequest,
    callOptions: { signal: AbortSignal },
  ): AsyncGenerator<ModelEvent, void> {
    const limits = boundsOf(bounds, callOptions.signal);
    let begun = false;
    // Ids of calls must not repeat those of earlier turns of the conversation.
    const earlierCalls = request.messages.filter((message) => message.role === 'tool').length;
    const state: StreamState = {
      calls: 0,
      earlierCalls,
      model: request.model,
      finished: false,
      logprobs: [],
    };
    try {
      const body = await open(request, limits);
      begun = true;
      for await (const chunk of readNdjson(body, limits)) {
        yield* toEvents(chunk, state);
        if (state.finished) return;
      }
      throw new AppError('upstream_error', `Ollama at ${root} cut its answer off.`);
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
    capabilities: { tools: true, structuredOutput: true, images: true, embeddings: true },
    stream,
    async complete(request, callOptions) {
      try {
        return await collectResponse(stream(request, callOptions));
      } catch (error) {
        if (callOptions.signal.aborted) throw callOptions.signal.reason;
        throw error;
      }
    },
    listModels: ({ signal }) => boundedCall(bounds, signal, (limits) => models.list(name, limits.signal)),
    embed: (request, { signal }) =>
      boundedCall(bounds, signal, (limits) =>
        embedInBatches(request, ollamaBatch, async (texts) =>
          readOllamaEmbeddings(
            await fetchJson({
              fetch,
              upstream,
              url: `${root}/api/embed`,
              headers,
              body: toOllamaEmbedding(request, texts, options.keepAlive),
              signal: limits.signal,
              nowMs: clock.now(),
            }),
          ),
        ),
      ),
  };
}
