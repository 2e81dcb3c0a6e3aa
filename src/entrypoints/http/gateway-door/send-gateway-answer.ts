import type { FastifyReply, FastifyRequest } from 'fastify';
import { toAppError } from '../../../base/index.ts';
import { collectResponse, type GatewayAnswer } from '../../../capabilities/models/index.ts';
import type { CallerWait } from '../caller-wait.ts';
import type { RouteDeps } from '../http-deps.ts';
import { noteError } from '../problem.ts';
import { AnswerWriter } from './answer-writer.ts';
import type { DoorShape } from './door-shape.ts';
import { routeHeaders } from './route-headers.ts';
import { soundParts } from './sound-parts.ts';

/** One request to a door while it is answered. */
export interface DoorExchange {
  readonly deps: Pick<RouteDeps, 'clock' | 'logger'>;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  /** Its signal is that of the call. */
  readonly wait: CallerWait;
  readonly stream: boolean;
  readonly shape: DoorShape;
}

async function sendEvents(
  { stream, shape, wait }: DoorExchange,
  writer: AnswerWriter,
  { events, route }: Extract<GatewayAnswer, { kind: 'events' }>,
): Promise<void> {
  const headers = routeHeaders(route);
  if (!stream) {
    const body = shape.whole(await collectResponse(events), route);
    writer.whole(200, 'application/json; charset=utf-8', Buffer.from(JSON.stringify(body)), headers);
    return;
  }
  const frames = shape.frames(route);
  let begun = false;
  for await (const event of soundParts(events, wait.signal)) {
    const text = (begun ? '' : frames.begin()) + frames.of(event);
    begun = true;
    writer.begin(200, shape.streamType, headers);
    if (text !== '') await writer.write(text);
  }
}

async function sendBytes(
  { stream, shape }: DoorExchange,
  writer: AnswerWriter,
  answer: Extract<GatewayAnswer, { kind: 'bytes' }>,
): Promise<void> {
  const headers = { ...answer.headers, ...routeHeaders(answer.route) };
  const body = answer.body[Symbol.asyncIterator]();
  let next = await body.next();
  if (!stream) {
    // An answer in one piece has its length; a longer one goes out as it comes.
    const following = next.done === true ? next : await body.next();
    if (following.done === true) {
      writer.whole(answer.status, answer.contentType, next.value ?? new Uint8Array(), headers);
      return;
    }
    writer.begin(answer.status, answer.contentType, headers);
    await writer.write(next.value as Uint8Array);
    next = following;
  }
  writer.begin(answer.status, stream ? shape.streamType : answer.contentType, headers);
  while (next.done !== true) {
    const slow = writer.write(next.value);
    if (slow !== undefined) await slow;
    if (writer.gone) {
      await body.return?.();
      return;
    }
    next = await body.next();
  }
}

/**
 * Opens a call and answers with what comes: bytes of an upstream as they are, parts in the door's form. Until the first
 * byte has gone out it rejects, for an error with its own status; a later failure ends the stream in the door's form.
 */
export async function answerThroughGateway(
  exchange: DoorExchange,
  open: () => Promise<GatewayAnswer>,
): Promise<FastifyReply> {
  const { deps, request, reply, wait, stream, shape } = exchange;
  const writer = new AnswerWriter(reply, deps.clock);
  if (stream) writer.keepAlive(shape.keepAlive, shape.streamType);
  try {
    const answer = await open();
    await (answer.kind === 'bytes'
      ? sendBytes(exchange, writer, answer)
      : sendEvents(exchange, writer, answer));
  } catch (error) {
    const told = wait.signal.aborted ? toAppError(wait.signal.reason) : toAppError(error);
    if (!writer.begun) throw told;
    if (!wait.gone) {
      noteError(told, request, deps.logger);
      if (stream) await writer.write(shape.errorFrame(told));
      else writer.destroy();
    }
  } finally {
    writer.end();
  }
  return reply;
}
