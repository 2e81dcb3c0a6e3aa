import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError, type JsonObject } from '../../../base/index.ts';
import type { GatewayAnswer, ModelEvent, WireRequest } from '../../../capabilities/models/index.ts';
import { requireScope, type AgentInput, type AgentResponse } from '../../../protocol/index.ts';
import type { CallerWait } from '../caller-wait.ts';
import type { RouteDeps } from '../http-deps.ts';
import { callerOf } from '../gateway-door/caller-of.ts';
import { readRouting } from '../gateway-door/request-routing.ts';
import { routeHeaders } from '../gateway-door/route-headers.ts';
import { findCompletionTarget, type CompletionTarget } from '../openai/agent-models.ts';
import { partsOfRun, responseOfRun } from '../openai/run-parts.ts';
import { noteError } from '../problem.ts';
import { failureOf } from '../run-answer.ts';
import { submitRun } from '../run-door.ts';
import { agentInputOf } from './agent-input-of.ts';
import type { ModelDemand } from './model-demand.ts';

/** One request while it is answered. */
export interface Exchange {
  readonly deps: RouteDeps;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly wait: CallerWait;
}

/** What a door wants answered. */
export interface DoorCall {
  readonly source: 'openai' | 'anthropic' | 'ollama';
  readonly stream: boolean;
  /** The request in our own form. Error: `invalid_request` for what cannot be translated. */
  readonly demand: () => ModelDemand;
  /** The body as it came. */
  readonly body: { readonly json: JsonObject; readonly bytes: Buffer };
  /** The shape of the body, where an upstream may have it as it is. */
  readonly wire?: Pick<WireRequest, 'shape' | 'headers'>;
  /** The end user for whom the caller speaks. */
  readonly user?: string;
  /** For an agent or a team: the session that goes on, and what is said in it now. */
  readonly session?: { readonly key: string; readonly message: string };
}

/** An answer that has begun. Bytes are in the shape of the request. */
export type DoorAnswer =
  | { readonly kind: 'parts'; readonly parts: AsyncIterable<ModelEvent>; readonly sessionId: string | null }
  | Extract<GatewayAnswer, { kind: 'bytes' }>;

/** What a model name means and whether the caller may use it. Errors: `not_found` (`model_not_found`), `forbidden`. */
export async function admitTarget(
  { deps, request, reply }: Exchange,
  model: string,
): Promise<CompletionTarget> {
  const target = await findCompletionTarget(deps, request.scope, model);
  requireScope(request.scope, `${target.kind}s:invoke`);
  if (target.kind !== 'model' && target.offline) reply.header('x-a33-offline', 'true');
  return target;
}

/** Calls what was asked for: a run of an agent, team or workflow, or a model. It ends when its caller no longer waits. */
export function openAnswer(
  exchange: Exchange,
  target: CompletionTarget,
  call: DoorCall,
): Promise<DoorAnswer> {
  return target.kind === 'model' ? openModel(exchange, target, call) : openRun(exchange, target, call);
}

async function openModel(
  { deps, request, reply, wait }: Exchange,
  target: Extract<CompletionTarget, { kind: 'model' }>,
  { stream, demand, body, wire, user }: DoorCall,
): Promise<DoorAnswer> {
  const { routing, tags, json, bytes } = readRouting(request, body);
  const answer = await deps.gateway.open({
    caller: callerOf(request, { tags, user }),
    reference: { name: target.name },
    stream,
    request: demand,
    ...(wire === undefined ? {} : { wire: { ...wire, json, body: bytes } }),
    routing,
    signal: wait.signal,
  });
  reply.headers(routeHeaders(answer.route));
  return answer.kind === 'bytes' ? answer : { kind: 'parts', parts: answer.events, sessionId: null };
}

async function* partsOfResponse(response: AgentResponse): AsyncGenerator<ModelEvent> {
  const failure = failureOf(response);
  if (failure !== undefined) throw failure;
  const { text, toolCalls, finishReason, usage } = responseOfRun(response);
  if (text !== '') yield { type: 'text-delta', text };
  for (const call of toolCalls) yield { type: 'tool-call', call };
  yield { type: 'finish', finishReason, usage, model: '' };
}

async function openRun(
  { deps, request, reply, wait }: Exchange,
  target: Exclude<CompletionTarget, { kind: 'model' }>,
  { source, stream, demand, session }: DoorCall,
): Promise<DoorAnswer> {
  const { runs } = deps;
  const whole = agentInputOf(demand());
  const { messages: _messages, ...ofSession } = whole;
  const input: AgentInput = session === undefined ? whole : { ...ofSession, message: session.message };
  const { runId, sessionId, duplicate } = await submitRun(deps, request, reply, {
    source,
    target: { kind: target.kind, name: target.name },
    input: target.kind === 'workflow' ? { [target.input]: whole.message } : input,
    sessionKey: session?.key ?? null,
    metadata: {},
  });
  const cancel = (): void => {
    if (duplicate) return;
    runs.cancel(request.scope, runId).catch((error: unknown) => {
      if (!(error instanceof AppError && error.code === 'conflict')) noteError(error, request, deps.logger);
    });
  };
  wait.signal.addEventListener('abort', cancel, { once: true });
  if (wait.signal.aborted) cancel();
  const parts = stream
    ? partsOfRun(runs.events(request.scope, runId, { after: 0, signal: wait.signal }))
    : partsOfResponse(await runs.response(request.scope, runId, wait));
  return { kind: 'parts', parts, sessionId };
}
