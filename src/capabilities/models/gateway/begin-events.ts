import { AppError, toAppError } from '../../../base/index.ts';
import { withCost, type CallOutcome } from '../../accounting/index.ts';
import type { ModelEvent, ModelRequest } from '../provider.ts';
import { toStreamError } from '../providers/stream-error.ts';
import { untilAborted } from '../providers/race-abort.ts';
import type { AttemptIo, Begun } from '../router/index.ts';

type End = Pick<CallOutcome, 'status' | 'usage' | 'estimated'>;

/** About how many characters a token has, where nobody counted. */
const charactersPerToken = 4;

async function* wholeAnswer(io: AttemptIo, request: ModelRequest): AsyncGenerator<ModelEvent, void> {
  const answer = await io.provider.complete(request, { signal: io.signal });
  if (answer.reasoning !== undefined) yield { type: 'reasoning-delta', text: answer.reasoning };
  if (answer.text !== '') yield { type: 'text-delta', text: answer.text };
  for (const call of answer.toolCalls) yield { type: 'tool-call', call };
  const { finishReason, usage, model } = answer;
  yield { type: 'finish', finishReason, usage, model };
}

/**
 * Asks a provider in our own form. Resolves with its first part, rejects with the error that came instead. What follows is
 * `finish` or `error` last; the outcome is known when the reader has seen it, has gone, or the signal aborted.
 */
export async function beginEvents(
  io: AttemptIo,
  request: Omit<ModelRequest, 'model'>,
  options: { readonly stream: boolean; readonly inputTokens: () => number },
): Promise<Begun<AsyncIterable<ModelEvent>>> {
  const { provider, deployment, signal } = io;
  const asked = { ...request, model: deployment.model };
  const source = options.stream ? provider.stream(asked, { signal }) : wholeAnswer(io, asked);
  const parts = untilAborted(source, signal);
  const { promise: done, resolve: end } = Promise.withResolvers<End>();
  let seen = 0;
  const seenSoFar = (status: string): End => ({
    status,
    // What was answered has to be paid for, also where its end never came.
    usage: {
      inputTokens: options.inputTokens(),
      outputTokens: Math.ceil(seen / charactersPerToken),
      costUsd: null,
    },
    estimated: true,
  });
  const count = (event: ModelEvent): void => {
    if (event.type === 'text-delta' || event.type === 'reasoning-delta') seen += event.text.length;
    if (event.type === 'tool-call') seen += JSON.stringify(event.call.arguments).length;
  };

  let first: IteratorResult<ModelEvent, void>;
  try {
    first = await parts.next();
  } catch (error) {
    throw signal.aborted ? toStreamError(signal.reason) : toAppError(error);
  }
  if (first.done === true)
    throw new AppError('upstream_error', `The provider "${provider.name}" ended without an answer.`);
  if (first.value.type === 'error') throw first.value.error;

  async function* rest(begin: ModelEvent): AsyncGenerator<ModelEvent, void> {
    let status = 'cancelled';
    try {
      for (let next: ModelEvent | undefined = begin; next !== undefined;) {
        count(next);
        if (next.type === 'finish') {
          status = 'ok';
          next = { ...next, usage: withCost(next.usage, deployment.price) };
          end({ status, usage: next.usage, estimated: false });
        } else if (next.type === 'error') status = next.error.code;
        yield next;
        if (next.type === 'finish' || next.type === 'error') return;
        const following: IteratorResult<ModelEvent, void> = await parts.next();
        next = following.done === true ? undefined : following.value;
      }
      status = 'upstream_error';
      yield {
        type: 'error',
        error: new AppError(
          'upstream_error',
          `The provider "${provider.name}" ended without finishing its answer.`,
        ),
      };
    } catch (error) {
      const failure = signal.aborted ? toStreamError(signal.reason) : toAppError(error);
      status = failure.code;
      yield { type: 'error', error: failure };
    } finally {
      end(seenSoFar(status));
      parts.return().then(undefined, () => {});
    }
  }
  // Whoever never reads the answer still has it on the bill once the call is over.
  signal.addEventListener('abort', () => end(seenSoFar(toStreamError(signal.reason).code)), { once: true });
  return { value: rest(first.value), done };
}
