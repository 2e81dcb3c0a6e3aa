import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError, toAppError, type JsonObject } from '../../../base/index.ts';
import type { ModelEvent, ModelRequest } from '../../../capabilities/models/index.ts';
import { requireScope, type AgentInput } from '../../../protocol/index.ts';
import { readRouting } from '../gateway-door/request-routing.ts';
import { answerThroughGateway } from '../gateway-door/send-gateway-answer.ts';
import { wireBodyOf } from '../gateway-door/wire-body.ts';
import type { RouteDeps } from '../http-deps.ts';
import { noteError } from '../problem.ts';
import { failureOf } from '../run-answer.ts';
import { submitRun } from '../run-door.ts';
import { SseStream } from '../sse-stream.ts';
import { findCompletionTarget, isListedModel, type CompletionTarget } from './agent-models.ts';
import { soundParts } from '../gateway-door/sound-parts.ts';
import { backgroundModelFor } from './background-model.ts';
import { agentInputOf, chatRequest, modelRequestOf, parseRequest, type ChatRequest } from './chat-request.ts';
import { chatShape } from './chat-shape.ts';
import { completionBody, createChunks, type CompletionHead } from './completion.ts';
import {
  modelCallOf,
  modelNameOf,
  startModelWait,
  wantsStream,
  wantsUsage,
  type OpenAIExchange,
} from './model-call.ts';
import { toOpenAIError } from './openai-error.ts';
import { partsOfRun, responseOfRun } from './run-parts.ts';

type RunTarget = Exclude<CompletionTarget, { kind: 'model' }>;

/** `POST /v1/chat/completions`: a run of an agent, team or workflow, or a model directly, in OpenAI's form. */
export async function answerChatCompletion(
  deps: RouteDeps,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const routed = readRouting(request, wireBodyOf(request));
  const background = backgroundModelFor(deps, routed.json);
  const name =
    background !== undefined && (await deps.gateway.permitted(request.scope))(background)
      ? background
      : modelNameOf(routed.json);
  const target = isListedModel(deps, name)
    ? ({ kind: 'model', name } as const)
    : await findCompletionTarget(deps, request.scope, name);
  requireScope(request.scope, `${target.kind}s:invoke`);
  const wait = startModelWait(deps, reply);
  const exchange = { deps, request, reply, routed, wait };
  try {
    return target.kind === 'model'
      ? await answerByModel(exchange, target.name)
      : await answerByRun(exchange, target, parseRequest(chatRequest, routed.json));
  } finally {
    wait.clear();
  }
}

function headOf({ deps, routed }: OpenAIExchange, id: string): Omit<CompletionHead, 'offline'> {
  return {
    id: `chatcmpl-${id}`,
    created: Math.floor(deps.clock.now() / 1000),
    model: modelNameOf(routed.json),
  };
}

async function answerByModel(exchange: OpenAIExchange, name: string): Promise<FastifyReply> {
  const { deps, request, routed } = exchange;
  const { json } = routed;
  const stream = wantsStream(json);
  let asked: Omit<ModelRequest, 'model'> | undefined;
  const call = {
    ...modelCallOf(exchange, name, 'openai-chat'),
    stream,
    // Made only where the bytes will not do; an upstream of this shape judges fields that we do not know.
    request: () => (asked ??= modelRequestOf(parseRequest(chatRequest, json))),
  };
  const shape = chatShape(headOf(exchange, request.id), wantsUsage(json));
  return answerThroughGateway({ ...exchange, stream, shape }, () => deps.gateway.open(call));
}

/** What a run is given: all of the client's conversation, or for a workflow the last message as its one input. */
function inputFor(target: RunTarget, body: ChatRequest): AgentInput | JsonObject {
  const input = agentInputOf(body);
  return target.kind === 'workflow' ? { [target.input]: input.message } : input;
}

/** Nobody else reads the answer of such a run, so it ends when its caller no longer waits. */
async function answerByRun(exchange: OpenAIExchange, target: RunTarget, body: ChatRequest): Promise<unknown> {
  const { deps, request, reply, wait } = exchange;
  const { runs } = deps;
  if (target.offline) reply.header('x-a33-offline', 'true');
  const { runId, duplicate } = await submitRun(deps, request, reply, {
    source: 'openai',
    target: { kind: target.kind, name: target.name },
    input: inputFor(target, body),
    sessionKey: null,
    metadata: {},
  });
  const head = { ...headOf(exchange, runId), offline: target.offline };
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
    return streamParts(exchange, createChunks(head, wantsUsage(exchange.routed.json)), partsOfRun(events));
  }
  const response = await runs.response(request.scope, runId, wait);
  const failure = failureOf(response);
  if (failure !== undefined) throw failure;
  return completionBody(head, responseOfRun(response));
}

/** An error before the first byte gets its own status; a later one ends the stream with its body. */
async function streamParts(
  exchange: OpenAIExchange,
  chunks: ReturnType<typeof createChunks>,
  parts: AsyncIterable<ModelEvent>,
): Promise<FastifyReply> {
  const { deps, request, reply, wait } = exchange;
  const stream = new SseStream(reply, deps.clock);
  let begun = false;
  try {
    for await (const part of soundParts(parts, wait.signal)) {
      if (!begun) await stream.send({ data: chunks.first() });
      begun = true;
      for (const data of chunks.of(part)) await stream.send({ data });
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
