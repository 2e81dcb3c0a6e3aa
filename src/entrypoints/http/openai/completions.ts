import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  collectResponse,
  type GatewayAnswer,
  type ModelEvent,
  type ModelRequest,
  type ModelResponse,
} from '../../../capabilities/models/index.ts';
import { addUsage, noUsage, requireScope } from '../../../protocol/index.ts';
import type { DoorShape } from '../gateway-door/door-shape.ts';
import { readRouting } from '../gateway-door/request-routing.ts';
import { answerThroughGateway } from '../gateway-door/send-gateway-answer.ts';
import { wireBodyOf } from '../gateway-door/wire-body.ts';
import type { RouteDeps } from '../http-deps.ts';
import { parseRequest } from './chat-request.ts';
import { sseData } from './chat-shape.ts';
import { finishReasons, toWireUsage } from './completion.ts';
import { chatCallsOf, completionsRequest } from './completions-request.ts';
import { modelCallOf, modelNameOf, startModelWait, wantsStream, wantsUsage } from './model-call.ts';
import { toOpenAIError } from './openai-error.ts';

type Chat = Omit<ModelRequest, 'model'>;

/** Answers of several chat calls as one completion; `place` says which choice is being written. */
interface Place {
  index: number;
  last: boolean;
}

function completionsShape(
  head: { readonly id: string; readonly created: number; readonly model: string },
  includeUsage: boolean,
  place: Place,
): DoorShape & { wholeOf(responses: readonly ModelResponse[]): object } {
  const object = 'text_completion';
  const chunk = (text: string, finishReason: string | null): string =>
    sseData(
      JSON.stringify({
        ...head,
        object,
        choices: [{ index: place.index, text, logprobs: null, finish_reason: finishReason }],
        ...(includeUsage ? { usage: null } : {}),
      }),
    );
  const wholeOf = (responses: readonly ModelResponse[]): object => ({
    ...head,
    object,
    choices: responses.map(({ text, finishReason }, index) => ({
      index,
      text,
      logprobs: null,
      finish_reason: finishReasons[finishReason],
    })),
    usage: toWireUsage(responses.map(({ usage }) => usage).reduce(addUsage, noUsage)),
  });
  return {
    streamType: 'text/event-stream; charset=utf-8',
    keepAlive: ': keep-alive\n\n',
    wholeOf,
    whole: (response) => wholeOf([response]),
    frames: () => {
      let usage = noUsage;
      return {
        begin: () => '',
        of(event) {
          if (event.type === 'text-delta') return chunk(event.text, null);
          if (event.type !== 'finish') return '';
          usage = addUsage(usage, event.usage);
          const finish = chunk('', finishReasons[event.finishReason]);
          if (!place.last) return finish;
          const total = includeUsage
            ? sseData(JSON.stringify({ ...head, object, choices: [], usage: toWireUsage(usage) }))
            : '';
          return `${finish}${total}${sseData('[DONE]')}`;
        },
      };
    },
    errorFrame: (error) => sseData(JSON.stringify(toOpenAIError(error))),
  };
}

/** `POST /v1/completions`: as it is where the upstream knows it, else as chat, one call for each prompt. */
export async function answerCompletion(
  deps: RouteDeps,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  requireScope(request.scope, 'models:invoke');
  const routed = readRouting(request, wireBodyOf(request));
  const { json } = routed;
  const name = modelNameOf(json);
  const stream = wantsStream(json);
  const wait = startModelWait(deps, reply);
  const place: Place = { index: 0, last: true };
  const shape = completionsShape(
    { id: `cmpl-${request.id}`, created: Math.floor(deps.clock.now() / 1000), model: name },
    wantsUsage(json),
    place,
  );
  const { wire, ...call } = modelCallOf({ deps, request, reply, routed, wait }, name, 'openai-completions');
  let chats: readonly Chat[] | undefined;
  const asChats = (): readonly Chat[] => (chats ??= chatCallsOf(parseRequest(completionsRequest, json)));
  const firstOf = (list: readonly Chat[]): Chat => list[0] ?? { messages: [] };

  async function* following(first: AsyncIterable<ModelEvent>): AsyncGenerator<ModelEvent, void> {
    const all = asChats();
    place.last = all.length === 1;
    yield* first;
    for (const [index, chat] of all.entries()) {
      if (index === 0) continue;
      const answer = await deps.gateway.open({ ...call, stream, request: () => chat });
      if (answer.kind !== 'events') continue;
      place.index = index;
      place.last = index === all.length - 1;
      yield* answer.events;
    }
  }

  async function open(): Promise<GatewayAnswer> {
    const first = await deps.gateway.open({ ...call, wire, stream, request: () => firstOf(asChats()) });
    if (first.kind === 'bytes' || asChats().length === 1) return first;
    if (stream) return { ...first, events: following(first.events) };
    const responses = [await collectResponse(first.events)];
    for (const chat of asChats().slice(1)) {
      const answer = await deps.gateway.open({ ...call, stream, request: () => chat });
      if (answer.kind === 'events') responses.push(await collectResponse(answer.events));
    }
    const body = Buffer.from(JSON.stringify(shape.wholeOf(responses)));
    const usage = responses.map((response) => response.usage).reduce(addUsage, noUsage);
    return {
      kind: 'bytes',
      route: first.route,
      status: 200,
      contentType: 'application/json; charset=utf-8',
      headers: {},
      body: (async function* () {
        yield body;
      })(),
      done: Promise.resolve({ status: 'ok', usage, estimated: false }),
    };
  }

  try {
    return await answerThroughGateway({ deps, request, reply, wait, stream, shape }, open);
  } finally {
    wait.clear();
  }
}
