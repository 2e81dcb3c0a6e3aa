import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError, toAppError, type JsonObject } from '../../base/index.ts';
import type { SubmittedRun } from '../../engine/runs/index.ts';
import type { AgentInput, AgentRequest, AgentResponse, RunTarget, Scope } from '../../protocol/index.ts';
import { startCallerWait } from './caller-wait.ts';
import type { RouteDeps } from './http-deps.ts';
import { toProblem } from './problem.ts';
import { answerOf, failureOf, teamAnswerOf, type RunAnswer, type TeamAnswer } from './run-answer.ts';
import { SseStream } from './sse-stream.ts';

const longestKey = 255;
const ownSession = /^ses_[0-9a-z]{1,64}$/;

/** A call of an agent or a team over HTTP. */
export interface RunCall {
  readonly input: AgentInput;
  readonly sessionId: string | undefined;
  readonly metadata: JsonObject;
  readonly stream: boolean;
}

/** The caller's `Idempotency-Key`. Error: `invalid_request`. */
export function idempotencyKeyOf(request: FastifyRequest): string | null {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return null;
  if (typeof key === 'string' && key.length > 0 && key.length <= longestKey) return key;
  throw new AppError('invalid_request', `Idempotency-Key: expected 1 to ${longestKey} characters`);
}

/** The same, apart from those of other callers. */
function dedupeKeyOf(request: FastifyRequest): string | null {
  const key = idempotencyKeyOf(request);
  return key === null ? null : `${request.scope.principal}:${key}`;
}

/** Sessions of the platform's own naming are taken as they are; a caller's own names count for that caller only. */
export function sessionKeyOf(scope: Scope, sessionId: string): string {
  if (!sessionId.startsWith('ses_')) return `http:${scope.principal}:${sessionId}`;
  if (ownSession.test(sessionId)) return sessionId;
  throw new AppError(
    'invalid_request',
    'session_id: expected the id of a session (ses_…) or a name of your own',
  );
}

/** Submits and names the run and its session in the answer's headers. */
export async function submitRun(
  deps: Pick<RouteDeps, 'runs'>,
  request: FastifyRequest,
  reply: FastifyReply,
  agentRequest: Pick<AgentRequest, 'source' | 'target' | 'sessionKey' | 'metadata'> & {
    readonly input: AgentInput | JsonObject;
    readonly timeoutMs?: number | null;
  },
): Promise<SubmittedRun> {
  const submitted = await deps.runs.submit(request.scope, {
    timeoutMs: null,
    ...agentRequest,
    input: { ...agentRequest.input },
    dedupeKey: dedupeKeyOf(request),
    replyTo: null,
  });
  reply.header('x-a33-run-id', submitted.runId);
  if (submitted.sessionId !== null) reply.header('x-a33-session-id', submitted.sessionId);
  return submitted;
}

/** Calls an agent and answers when its run has ended, or streams the run's events with the answer as the last one. */
export function callAgent(
  deps: RouteDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  call: RunCall & { readonly agent: string },
): Promise<RunAnswer | void> {
  const { agent } = call;
  return callTarget(deps, request, reply, call, { kind: 'agent', name: agent }, (response) =>
    answerOf(response, agent),
  );
}

/** `callAgent` for a team. */
export function callTeam(
  deps: RouteDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  call: RunCall & { readonly team: string },
): Promise<TeamAnswer | void> {
  const { team } = call;
  return callTarget(deps, request, reply, call, { kind: 'team', name: team }, (response) =>
    teamAnswerOf(response, team),
  );
}

async function callTarget<Answer extends object>(
  deps: RouteDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  { input, sessionId, metadata, stream }: RunCall,
  target: RunTarget,
  toAnswer: (response: AgentResponse) => Answer,
): Promise<Answer | void> {
  const { runId } = await submitRun(deps, request, reply, {
    source: 'http',
    target,
    input,
    sessionKey: sessionId === undefined ? deps.ids('ses') : sessionKeyOf(request.scope, sessionId),
    metadata,
  });
  if (stream) return streamRun(deps, request, reply, runId, toAnswer);

  const seconds = deps.config.API_WAIT_TIMEOUT_SECONDS;
  const wait = startCallerWait(deps, reply, {
    milliseconds: seconds * 1000,
    error: () =>
      new AppError(
        'timeout',
        `the run has not ended within ${seconds} s and goes on; see GET /api/v1/runs/${runId}`,
        { retryable: false, details: { run_id: runId } },
      ),
  });
  try {
    const response = await deps.runs.response(request.scope, runId, wait);
    const failure = failureOf(response);
    if (failure !== undefined) throw failure;
    return toAnswer(response);
  } finally {
    wait.clear();
  }
}

/** Streams the events of a run, then `done` with the answer, or `error`. */
export async function streamRun(
  deps: RouteDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  runId: string,
  toAnswer: (response: AgentResponse) => object,
): Promise<void> {
  const wait = startCallerWait(deps, reply);
  const stream = new SseStream(reply, deps.clock);
  stream.open();
  const tell = (error: AppError): Promise<void> =>
    stream.send({
      event: 'error',
      data: JSON.stringify({ ...toProblem(error, request.id), run_id: runId }),
    });
  try {
    for await (const { sequence, event } of deps.runs.events(request.scope, runId, {
      after: 0,
      signal: wait.signal,
    })) {
      await stream.send({ id: sequence, event: event.type, data: JSON.stringify(event) });
    }
    const response = await deps.runs.response(request.scope, runId, wait);
    const failure = failureOf(response);
    if (failure !== undefined) await tell(failure);
    else await stream.send({ event: 'done', data: JSON.stringify(toAnswer(response)) });
  } catch (error) {
    if (!wait.gone) await tell(toAppError(error));
  } finally {
    stream.end();
    wait.clear();
  }
}
