import type { FastifyReply, FastifyRequest } from 'fastify';
import { isJsonObject, type Json, type JsonObject } from '../../../../base/index.ts';
import { startModelWait } from '../model-call.ts';
import { wireBodyOf } from '../../gateway-door/wire-body.ts';
import type { RouteDeps } from '../../http-deps.ts';
import { eventStream, readParts, sendBytes, streamAnswer } from '../../model-door/answer-parts.ts';
import type { ModelDemand } from '../../model-door/model-demand.ts';
import { admitTarget, openAnswer, type DoorAnswer, type DoorCall } from '../../model-door/open-answer.ts';
import type { CompletionTarget } from '../agent-models.ts';
import { continueConversation, replayed, type Continued } from './conversation.ts';
import { responsesDemand } from './responses-demand.ts';
import { ResponseWriter } from './response-writer.ts';
import type { ResponsesRequest } from './responses-request.ts';
import { watchBytes } from './watch-bytes.ts';

const translatable = new Set<Json | undefined>([
  undefined,
  'message',
  'reasoning',
  'function_call',
  'function_call_output',
]);

/** What is said in one message of plain text, and nothing else; `undefined` for any other request. */
function plainMessage(body: ResponsesRequest, own: readonly Json[]): string | undefined {
  const [item] = own;
  const instructed = typeof body.instructions === 'string' && body.instructions !== '';
  if (own.length !== 1 || !isJsonObject(item) || item['role'] !== 'user' || instructed) return undefined;
  if ((body.tools ?? []).length > 0) return undefined;
  const { content } = item;
  if (typeof content === 'string') return content;
  const [part] = Array.isArray(content) ? (content as readonly Json[]) : [];
  const single = Array.isArray(content) && content.length === 1 && isJsonObject(part);
  return single && part['type'] === 'input_text' && typeof part['text'] === 'string'
    ? part['text']
    : undefined;
}

/**
 * The session in which an agent or team answers. Only what a session can carry goes there: one plain message that begins
 * a conversation or follows its last response. Anything else is told to the agent as a list of messages.
 */
async function sessionFor(
  { responses, ids }: Pick<RouteDeps, 'responses' | 'ids'>,
  request: FastifyRequest,
  body: ResponsesRequest,
  target: CompletionTarget,
  { own, last }: Continued,
): Promise<DoorCall['session']> {
  const message = plainMessage(body, own);
  if ((target.kind !== 'agent' && target.kind !== 'team') || body.store === false || message === undefined)
    return undefined;
  if (last === undefined) return { key: ids('ses'), message };
  if (last.sessionId === null || (await responses.isContinued(request.scope, last.id))) return undefined;
  return { key: last.sessionId, message };
}

/** The request for an upstream of the same shape: as it came, or with what it continues written out. */
function wireBody(request: FastifyRequest, { earlier, own, rewritten }: Continued): DoorCall['body'] {
  const body = wireBodyOf(request);
  if (!rewritten) return body;
  const { previous_response_id: _previous, ...rest } = body.json;
  const json: JsonObject = { ...rest, input: [...replayed(earlier), ...own] };
  return { json, bytes: Buffer.from(JSON.stringify(json)) };
}

/** The request in our own form, with what it continues. Error: `invalid_request`. */
export function demandOf(body: ResponsesRequest, { earlier, own }: Continued): ModelDemand {
  const known = earlier.filter((item) => isJsonObject(item) && translatable.has(item['type']));
  return responsesDemand(body, [...known, ...own], (index) =>
    index < known.length ? 'previous_response_id' : `input.${index - known.length}`,
  );
}

/** `POST /v1/responses`: a run of an agent, team or workflow, or a model, in the form of the Responses API. */
export async function answerResponse(
  deps: RouteDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  body: ResponsesRequest,
): Promise<unknown> {
  const wait = startModelWait(deps, reply);
  const exchange = { deps, request, reply, wait };
  try {
    const target = await admitTarget(exchange, body.model);
    const continued = await continueConversation(deps.responses, request.scope, body);
    const session = await sessionFor(deps, request, body, target, continued);
    const head = { id: deps.ids('resp'), createdAt: Math.floor(deps.clock.now() / 1000), body };
    const writer = new ResponseWriter(head, deps.clock);
    let sessionId: string | null = null;
    const keep = async (response: JsonObject): Promise<void> => {
      if (body.store === false || typeof response['id'] !== 'string') return;
      await deps.responses.put(request.scope, {
        id: response['id'],
        previousId: body.previous_response_id ?? null,
        sessionId,
        input: continued.own,
        response,
      });
    };
    const user = body.safety_identifier ?? body.user;
    const open = async (): Promise<DoorAnswer> => {
      const answer = await openAnswer(exchange, target, {
        source: 'openai',
        stream: body.stream === true,
        demand: () => demandOf(body, continued),
        body: wireBody(request, continued),
        wire: { shape: 'openai-responses' },
        ...(user === null || user === undefined ? {} : { user }),
        ...(session === undefined ? {} : { session }),
      });
      if (answer.kind === 'parts') sessionId = answer.sessionId;
      return answer.kind === 'bytes' && body.store !== false
        ? { ...answer, body: watchBytes(answer.body, body.stream === true, keep) }
        : answer;
    };
    if (body.stream === true) {
      const last = async (): Promise<string> => {
        await keep(writer.response);
        return writer.last();
      };
      return await streamAnswer(
        exchange,
        {
          first: () => writer.first(),
          of: (part) => writer.of(part),
          last,
          failed: (error) => writer.failed(error),
        },
        eventStream,
        open,
      );
    }
    const answer = await open();
    if (answer.kind === 'bytes') return await sendBytes(exchange, answer);
    await readParts(exchange, answer.parts, (part) => void writer.of(part));
    await keep(writer.response);
    return writer.response;
  } finally {
    wait.clear();
  }
}
