import { estimateTokenCount } from 'tokenx';
import { AppError, toAppError, type Clock } from '../../../base/index.ts';
import { textOf, type ToolCall, type Usage } from '../../../protocol/index.ts';
import { collectResponse } from '../collect-response.ts';
import type { LLMProvider, ModelEvent, ModelRequest } from '../provider.ts';
import { toStreamError } from '../providers/stream-error.ts';
import { assistantAnswer, extractAnswer, type OfflineAnswer } from './offline-answer.ts';
import { offlineProviderName } from './offline-name.ts';
import { scriptStep, type OfflineScripts } from './offline-script.ts';

interface OfflineProviderDeps {
  readonly clock: Clock;
  readonly scripts: OfflineScripts;
}

interface Reply {
  readonly chunks: readonly string[];
  readonly calls: readonly ToolCall[];
}

const modes = ['assistant', 'extract', 'echo'] as const;
const scriptPrefix = 'script:';

/** The text in words, each with the white space before it. */
function inWords(text: string): readonly string[] {
  return text.match(/\s*\S+|\s+$/g) ?? [];
}

function usageOf(request: ModelRequest, reply: Reply): Usage {
  const said = request.messages.map((message) => textOf(message.content)).join('\n');
  return {
    inputTokens: estimateTokenCount(said),
    outputTokens: estimateTokenCount(
      reply.chunks.join('') + (reply.calls.length > 0 ? JSON.stringify(reply.calls) : ''),
    ),
    costUsd: 0,
  };
}

function toReply(answer: OfflineAnswer): Reply {
  return answer.type === 'text'
    ? { chunks: inWords(answer.text), calls: [] }
    : { chunks: [], calls: answer.calls };
}

async function scriptedReply(
  request: ModelRequest,
  deps: OfflineProviderDeps,
  signal: AbortSignal,
): Promise<Reply> {
  const step = scriptStep(request.model.slice(scriptPrefix.length), deps.scripts, request);
  if (step.delayMs !== undefined) await deps.clock.sleep(step.delayMs, { signal });
  if (step.error !== undefined) throw new AppError(step.error.code, step.error.message);
  return {
    chunks: step.chunks ?? inWords(step.reply ?? ''),
    calls: (step.toolCalls ?? []).map((call, index) => ({
      id: `call_offline_${request.messages.length}_${index}`,
      name: call.name,
      arguments: call.arguments ?? {},
    })),
  };
}

async function replyTo(
  request: ModelRequest,
  deps: OfflineProviderDeps,
  signal: AbortSignal,
): Promise<Reply> {
  const { model, messages } = request;
  if (model.startsWith(scriptPrefix)) return scriptedReply(request, deps, signal);
  if (model === 'assistant') return toReply(assistantAnswer(request));
  if (model === 'extract') return toReply(extractAnswer(request));
  if (model === 'echo') {
    const last = messages.findLast((message) => message.role === 'user');
    return { chunks: inWords(last === undefined ? '' : textOf(last.content)), calls: [] };
  }
  throw new AppError(
    'not_found',
    `There is no offline mode "${model}". Known are: ${modes.join(', ')} and script:<name>.`,
  );
}

/**
 * Answers when no language model is connected, without pretending to be one: it uses tools, quotes passages, plays
 * scripts, and says what it cannot do. The same conversation gives the same answer.
 */
export function createOfflineProvider(deps: OfflineProviderDeps): LLMProvider {
  async function* stream(
    request: ModelRequest,
    { signal }: { signal: AbortSignal },
  ): AsyncGenerator<ModelEvent, void> {
    try {
      signal.throwIfAborted();
      const reply = await replyTo(request, deps, signal);
      for (const text of reply.chunks) {
        signal.throwIfAborted();
        yield { type: 'text-delta', text };
      }
      for (const call of reply.calls) yield { type: 'tool-call', call };
      yield {
        type: 'finish',
        finishReason: reply.calls.length > 0 ? 'tool-calls' : 'stop',
        usage: usageOf(request, reply),
        model: `${offlineProviderName}/${request.model}`,
      };
    } catch (error) {
      yield { type: 'error', error: signal.aborted ? toStreamError(error) : toAppError(error) };
    }
  }
  return {
    name: offlineProviderName,
    capabilities: { tools: true, structuredOutput: true, images: false, embeddings: false },
    stream,
    async complete(request, options) {
      options.signal.throwIfAborted();
      return collectResponse(stream(request, options));
    },
    listModels: () =>
      Promise.resolve(
        [...modes, ...Object.keys(deps.scripts).map((name) => `${scriptPrefix}${name}`)].map((id) => ({
          id,
          provider: offlineProviderName,
        })),
      ),
  };
}
