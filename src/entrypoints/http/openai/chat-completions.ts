import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError, toAppError, type JsonObject } from '../../../base/index.ts';
import type { ModelEvent } from '../../../capabilities/models/index.ts';
import { requireScope, type AgentInput } from '../../../protocol/index.ts';
import { startCallerWait, type CallerWait } from '../caller-wait.ts';
import type { RouteDeps } from '../http-deps.ts';
import { noteError } from '../problem.ts';
import { failureOf } from '../run-answer.ts';
import { submitRun } from '../run-door.ts';
import { SseStream } from '../sse-stream.ts';
import { findCompletionTarget, type CompletionTarget } from './agent-models.ts';
import { agentInputOf, modelRequestOf, type ChatRequest } from './chat-request.ts';
import { completionBody, createChunks, type CompletionHead } from './completion.ts';
import { toOpenAIError } from './openai-error.ts';
import { partsOfRun, responseOfRun } from './run-parts.ts';

/** One request while it is answered. */
interface Exchange {
  readonly deps: RouteDeps;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly body: ChatRequest;
  readonly wait: CallerWait;
}

/** `POST /v1/chat/completions`: a run of an agent, team or workflow, or a model directly, in OpenAI's form. */
export async function answerChatCompletion(
  deps: RouteDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  body: ChatRequest,
): Promise<unknown> {
  const target = await findCompletionTarget(deps, request.scope, body.model);
  requireScope(request.scope, `${target.kind}s:invoke`);
  if (target.offline) reply.header('x-a33-offline', 'true');
  const seconds = deps.config.API_WAIT_TIMEOUT_SECONDS;
  const wait = startCallerWait(deps, reply, {
    milliseconds: seconds * 1000,
    // Not to be sent again by itself: that would pay for the same work twice.
    error: () => new AppError('timeout', `there is no answer after ${seconds} s`, { retryable: false }),
  });
  const exchange = { deps, request, reply, body, wait };
  try {
    return target.kind === 'model'
      ? await answerByModel(exchange, target)
      : await answerByRun(exchange, target);
  } finally {
    wait.clear();
  }
}

function headOf({ deps, body }: Exchange, id: string, { offline }: CompletionTarget): CompletionHead {
  return {
    id: `chatcmpl-${id}`,
    created: Math.floor(deps.clock.now() / 1000),
    model: body.model,
    offline,
  };
}

/** What a run is given: all of the client's conversation, or for a workflow the last message as its one input. */
function inputFor(
  target: Exclude<CompletionTarget, { kind: 'model' }>,
  body: ChatRequest,
): AgentInput | JsonObject {
  const input = agentInputOf(body);
  return target.kind === 'workflow' ? { [target.input]: input.message } : input;
}

/** Nobody else reads the answer of such a run, so it ends when its caller no longer waits. */
async function answerByRun(
  exchange: Exchange,
  target: Exclude<CompletionTarget, { kind: 'model' }>,
): Promise<unknown> {
  const { deps, request, reply, body, wait } = exchange;
  const { runs } = deps;
  const { runId, duplicate } = await submitRun(deps, request, reply, {
    source: 'openai',
    target: { kind: target.kind, name: target.name },
    input: inputFor(target, body),
    sessionKey: null,
    metadata: {},
  });
  const head = headOf(exchange, runId, target);
  const cancel = (): void => {
    if (duplicate) return;
    runs.cancel(request.scope, runId).catch((error: unknown) => {
      if (!(error instanceof AppError && error.code === 'conflict')) noteError(error, request, deps.logger);
    });
  };
  wait.signal.addEventListener('abort', cancel, { once: true });
  if (wait.signal.aborted) cancel();
  if (body.stream === true) {
    const events = runs.events(request.scope, runId, { after: 0, signal: wait.signal });
    return streamParts(exchange, head, partsOfRun(events));
  }
  const response = await runs.response(request.scope, runId, wait);
  const failure = failureOf(response);
  if (failure !== undefined) throw failure;
  return completionBody(head, responseOfRun(response));
}

async function answerByModel(
  exchange: Exchange,
  target: Extract<CompletionTarget, { kind: 'model' }>,
): Promise<unknown> {
  const { deps, request, body, wait } = exchange;
  const modelRequest = modelRequestOf(body);
  const head = headOf(exchange, request.id, target);
  if (body.stream === true) {
    return streamParts(exchange, head, deps.models.stream(target.reference, modelRequest, wait));
  }
  return completionBody(head, await deps.models.complete(target.reference, modelRequest, wait));
}

/** An error before the first byte gets its own status; a later one ends the stream with its body. */
async function streamParts(
  exchange: Exchange,
  head: CompletionHead,
  parts: AsyncIterable<ModelEvent>,
): Promise<FastifyReply> {
  const { deps, request, reply, body, wait } = exchange;
  const chunks = createChunks(head, body.stream_options?.include_usage === true);
  const stream = new SseStream(reply, deps.clock);
  let begun = false;
  let finished = false;
  try {
    for await (const part of parts) {
      if (part.type === 'error') throw part.error;
      if (!begun) await stream.send({ data: chunks.first() });
      begun = true;
      for (const data of chunks.of(part)) await stream.send({ data });
      finished = part.type === 'finish';
    }
    if (!finished) {
      wait.signal.throwIfAborted();
      throw new AppError('internal', 'the answer ended too early');
    }
  } catch (error) {
    if (!stream.opened) throw error;
    if (!wait.gone) {
      const told = error instanceof AppError ? error : toAppError(error);
      noteError(told, request, deps.logger);
      await stream.send({ data: JSON.stringify(toOpenAIError(told)) });
    }
  } finally {
    stream.end();
  }
  return reply;
}
