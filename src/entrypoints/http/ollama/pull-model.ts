import type { FastifyReply } from 'fastify';
import { AppError, toAppError } from '../../../base/index.ts';
import { AnswerWriter } from '../gateway-door/answer-writer.ts';
import { noteError } from '../problem.ts';
import type { Exchange } from '../model-door/open-answer.ts';

/** Lets the Ollama that is connected fetch a model and tells how far it is. Error: `invalid_request` where there is none. */
export async function pullModel(
  { deps, request, reply, wait }: Exchange,
  name: string,
  stream: boolean,
): Promise<FastifyReply | { readonly status: string }> {
  const localModels = deps.localModels?.();
  if (localModels === undefined)
    throw new AppError('invalid_request', 'no Ollama is connected, so there is nothing to pull a model into');
  // Models of another kind are named with their provider; only Ollama's can be pulled.
  const wanted = name.replace(/^ollama\//, '');
  const writer = new AnswerWriter(reply, deps.clock);
  let last = 'success';
  try {
    await localModels.pullModel(
      wanted,
      (progress) => {
        last = progress.status;
        if (!stream) return;
        writer.begin(200, 'application/x-ndjson');
        // Progress is small and slow: what a reader does not take is held.
        void writer.write(`${JSON.stringify(progress)}\n`);
      },
      wait,
    );
  } catch (error) {
    if (!writer.begun) throw error;
    if (!wait.gone) {
      const told = noteError(toAppError(error), request, deps.logger);
      await writer.write(`${JSON.stringify({ error: told.message })}\n`);
    }
  } finally {
    writer.end();
  }
  return writer.begun ? reply : { status: last };
}
