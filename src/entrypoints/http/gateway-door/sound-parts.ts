import { AppError } from '../../../base/index.ts';
import type { ModelEvent } from '../../../capabilities/models/index.ts';

/** Parts of an answer that are no failure. */
export type AnswerPart = Exclude<ModelEvent, { type: 'error' }>;

/** The parts, an error thrown instead of told. Error: also `upstream_error` when the stream ends without a last part. */
export async function* soundParts(
  parts: AsyncIterable<ModelEvent>,
  signal: AbortSignal,
): AsyncGenerator<AnswerPart> {
  let finished = false;
  for await (const part of parts) {
    if (part.type === 'error') throw part.error;
    yield part;
    finished = part.type === 'finish';
  }
  if (finished) return;
  signal.throwIfAborted();
  throw new AppError('upstream_error', 'the answer ended too early');
}
