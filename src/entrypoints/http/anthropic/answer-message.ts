import type { FastifyReply, FastifyRequest } from 'fastify';
import { startModelWait } from '../openai/model-call.ts';
import { wireBodyOf } from '../gateway-door/wire-body.ts';
import type { RouteDeps } from '../http-deps.ts';
import { readParts, sendBytes, streamAnswer, type StreamForm } from '../model-door/answer-parts.ts';
import { admitTarget, openAnswer, type DoorAnswer, type DoorCall } from '../model-door/open-answer.ts';
import { MessageWriter } from './message-writer.ts';
import { messagesDemand } from './messages-demand.ts';
import type { MessagesRequest } from './messages-request.ts';
import { withoutUnsignedThinking } from './unsigned-thinking.ts';

const form: StreamForm = {
  contentType: 'text/event-stream; charset=utf-8',
  keepAlive: 'event: ping\ndata: {"type":"ping"}\n\n',
};

/** Headers that change what a request means. */
function meaningfulHeaders({ headers }: FastifyRequest): Record<string, string> {
  return Object.fromEntries(
    ['anthropic-version', 'anthropic-beta'].flatMap((name) => {
      const value = headers[name];
      return typeof value === 'string' ? [[name, value] as const] : [];
    }),
  );
}

function wireBody(request: FastifyRequest): DoorCall['body'] {
  const body = wireBodyOf(request);
  const json = withoutUnsignedThinking(body.json);
  return json === body.json ? body : { json, bytes: Buffer.from(JSON.stringify(json)) };
}

/** `POST /v1/messages`: a run of an agent, team or workflow, or a model, in Anthropic's form. */
export async function answerMessage(
  deps: RouteDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  body: MessagesRequest,
): Promise<unknown> {
  const wait = startModelWait(deps, reply);
  const exchange = { deps, request, reply, wait };
  const stream = body.stream === true;
  const user = body.metadata?.user_id;
  try {
    const target = await admitTarget(exchange, body.model);
    const writer = new MessageWriter({ id: deps.ids('msg'), model: body.model, requestId: request.id });
    const open = (): Promise<DoorAnswer> =>
      openAnswer(exchange, target, {
        source: 'anthropic',
        stream,
        demand: () => messagesDemand(body),
        body: wireBody(request),
        wire: { shape: 'anthropic-messages', headers: meaningfulHeaders(request) },
        ...(typeof user === 'string' ? { user } : {}),
      });
    if (stream) {
      return await streamAnswer(
        exchange,
        {
          first: () => writer.first(),
          of: (part) => writer.of(part),
          last: () => writer.last(),
          failed: (error) => writer.failed(error),
        },
        form,
        open,
      );
    }
    const answer = await open();
    if (answer.kind === 'bytes') return await sendBytes(exchange, answer);
    await readParts(exchange, answer.parts, (part) => void writer.of(part));
    return writer.message;
  } finally {
    wait.clear();
  }
}
