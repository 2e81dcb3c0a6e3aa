import type { FastifyReply, FastifyRequest } from 'fastify';
import { startModelWait } from '../openai/model-call.ts';
import { wireBodyOf } from '../gateway-door/wire-body.ts';
import type { RouteDeps } from '../http-deps.ts';
import { readParts, sendBytes, streamAnswer, type StreamForm } from '../model-door/answer-parts.ts';
import type { ModelDemand } from '../model-door/model-demand.ts';
import { openAnswer, type DoorAnswer, type Exchange } from '../model-door/open-answer.ts';
import { admitTagged } from './ollama-target.ts';
import { OllamaWriter, type OllamaForm } from './ollama-writer.ts';

/** A blank line is no JSON, so nothing is said while there is nothing to say. */
const form: StreamForm = { contentType: 'application/x-ndjson', keepAlive: '' };

/** Works on behalf of a caller, within the time that callers are waited for. */
export async function waiting<T>(
  deps: RouteDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  work: (exchange: Exchange) => Promise<T>,
): Promise<T> {
  const wait = startModelWait(deps, reply);
  try {
    return await work({ deps, request, reply, wait });
  } finally {
    wait.clear();
  }
}

/** What was asked for in a chat or with a prompt. */
interface Asked {
  readonly form: OllamaForm;
  readonly model: string;
  readonly stream: boolean;
  /** Nothing is asked: the client only wants the model loaded, or out of memory again. */
  readonly empty: boolean;
  readonly unload: boolean;
  readonly demand: () => ModelDemand;
}

/** `POST /ollama/api/chat` and `…/generate`: a run of an agent, team or workflow, or a model, in Ollama's form. */
export function answerOllama(
  deps: RouteDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  asked: Asked,
): Promise<unknown> {
  return waiting(deps, request, reply, async (exchange) => {
    const target = await admitTagged(exchange, asked.model);
    const writer = new OllamaWriter(asked.form, asked.model, deps.clock);
    if (asked.empty) return { ...writer.whole, done_reason: asked.unload ? 'unload' : 'load' };
    const open = (): Promise<DoorAnswer> =>
      openAnswer(exchange, target, {
        source: 'ollama',
        stream: asked.stream,
        demand: asked.demand,
        body: wireBodyOf(request),
      });
    if (asked.stream) {
      return streamAnswer(
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
    if (answer.kind === 'bytes') return sendBytes(exchange, answer);
    await readParts(exchange, answer.parts, (part) => void writer.of(part));
    return writer.whole;
  });
}
