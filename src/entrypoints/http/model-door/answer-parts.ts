import type { FastifyReply } from 'fastify';
import { toAppError, type AppError } from '../../../base/index.ts';
import type { ModelEvent } from '../../../capabilities/models/index.ts';
import { AnswerWriter } from '../gateway-door/answer-writer.ts';
import { soundParts, type AnswerPart } from '../gateway-door/sound-parts.ts';
import { noteError } from '../problem.ts';
import type { DoorAnswer, Exchange } from './open-answer.ts';

/** How one answer is streamed; each text is whole events or lines. */
export interface AnswerFrames {
  /** What comes before the first part. */
  first(): string;
  of(part: AnswerPart): string;
  /** What follows the last part. */
  last(): Promise<string> | string;
  /** The end of an answer that broke off. */
  failed(error: AppError): string;
}

/** The form of a door's streams. */
export interface StreamForm {
  readonly contentType: string;
  /** What may be said while there is nothing to say; empty: nothing. */
  readonly keepAlive: string;
}

/** Server-sent events, kept alive by comments. */
export const eventStream: StreamForm = {
  contentType: 'text/event-stream; charset=utf-8',
  keepAlive: ': keep-alive\n\n',
};

/** Reads an answer to its end, telling each part. Error: whatever the answer failed with. */
export async function readParts(
  { wait }: Pick<Exchange, 'wait'>,
  parts: AsyncIterable<ModelEvent>,
  tell: (part: AnswerPart) => void,
): Promise<void> {
  for await (const part of soundParts(parts, wait.signal)) tell(part);
}

/** Writes through `work`; an error before the first byte is thrown, a later one is told with `failed`. */
async function answering(
  { deps, request, reply, wait }: Exchange,
  writer: AnswerWriter,
  work: () => Promise<void>,
  failed: (error: AppError) => string | undefined,
): Promise<FastifyReply> {
  try {
    await work();
  } catch (error) {
    const told = toAppError(wait.signal.aborted ? wait.signal.reason : error);
    if (!writer.begun) throw told;
    if (!wait.gone) {
      const last = failed(noteError(told, request, deps.logger));
      if (last === undefined) writer.destroy();
      else await writer.write(last);
    }
  } finally {
    writer.end();
  }
  return reply;
}

/** Opens an answer and streams it. An error before its first part is thrown, so that it has its own status; a later one ends the stream. */
export async function streamAnswer(
  exchange: Exchange,
  frames: AnswerFrames,
  form: StreamForm,
  open: () => Promise<DoorAnswer>,
): Promise<FastifyReply> {
  const { deps, reply, wait } = exchange;
  const writer = new AnswerWriter(reply, deps.clock);
  writer.keepAlive(form.keepAlive, form.contentType);
  let begun = false;
  let bytes = false;
  const begin = (): string => {
    const first = begun ? '' : frames.first();
    begun = true;
    return first;
  };
  const write = async (text: string): Promise<void> => {
    writer.begin(200, form.contentType);
    if (text !== '') await writer.write(text);
  };
  const work = async (): Promise<void> => {
    const answer = await open();
    if (answer.kind === 'bytes') {
      bytes = true;
      await passOn(writer, answer);
      return;
    }
    for await (const part of soundParts(answer.parts, wait.signal)) await write(begin() + frames.of(part));
    await write(await frames.last());
  };
  return answering(exchange, writer, work, (error) => (bytes ? undefined : begin() + frames.failed(error)));
}

async function passOn(
  writer: AnswerWriter,
  { status, contentType, headers, body }: Extract<DoorAnswer, { kind: 'bytes' }>,
): Promise<void> {
  for await (const chunk of body) {
    writer.begin(status, contentType, headers);
    await writer.write(chunk);
    if (writer.gone) return;
  }
  writer.begin(status, contentType, headers);
}

/** Answers with the bytes of an upstream. */
export function sendBytes(
  exchange: Exchange,
  answer: Extract<DoorAnswer, { kind: 'bytes' }>,
): Promise<FastifyReply> {
  const writer = new AnswerWriter(exchange.reply, exchange.deps.clock);
  return answering(
    exchange,
    writer,
    () => passOn(writer, answer),
    () => undefined,
  );
}
