import type { ModelEvent } from '../provider.ts';
import type { CachedAnswer } from './answer-cache.ts';
import type { GatewayAnswer } from './gateway.ts';

type Bytes = Extract<GatewayAnswer, { kind: 'bytes' }>;
type KeepableBytes = Pick<Bytes, 'route' | 'contentType' | 'body' | 'done'>;
type Events = Extract<GatewayAnswer, { kind: 'events' }>;
type Store = (answer: CachedAnswer) => void;

/** Longer answers are not kept. */
const mostBytes = 4 * 1024 * 1024;

/** Who gave an answer. */
export const originOf = ({ route }: Pick<GatewayAnswer, 'route'>) => ({
  deployment: route.deployment,
  group: route.groups.at(-1) ?? route.model,
  provider: route.provider,
  model: route.model,
});

/** The events as they come; once they have finished they are stored. */
export async function* keepEvents(answer: Events, store: Store): AsyncGenerator<ModelEvent, void> {
  const events: ModelEvent[] = [];
  let size = 0;
  for await (const event of answer.events) {
    if (event.type === 'text-delta' || event.type === 'reasoning-delta') size += event.text.length;
    if (size <= mostBytes) events.push(event);
    if (event.type === 'finish' && size <= mostBytes)
      store({ ...originOf(answer), kind: 'events', usage: event.usage, events });
    yield event;
  }
}

/** The bytes as they come; once they have ended well they are stored. */
export async function* keepBytes(answer: KeepableBytes, store: Store): AsyncGenerator<Uint8Array, void> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body) {
    size += chunk.byteLength;
    if (size <= mostBytes) chunks.push(chunk);
    yield chunk;
  }
  const { status, usage } = await answer.done;
  if (status === 'ok' && usage !== undefined && size <= mostBytes)
    store({
      ...originOf(answer),
      kind: 'bytes',
      usage,
      contentType: answer.contentType,
      body: Buffer.concat(chunks),
    });
}

/** A kept answer as it came the first time; it costs nothing now. */
export async function* replayEvents(
  hit: Extract<CachedAnswer, { kind: 'events' }>,
): AsyncGenerator<ModelEvent, void> {
  for (const event of hit.events)
    yield event.type === 'finish' ? { ...event, usage: { ...event.usage, costUsd: 0 } } : event;
}

/** A kept answer's bytes. */
export function replayBytes(hit: Extract<CachedAnswer, { kind: 'bytes' }>): Omit<Bytes, 'route' | 'kind'> {
  async function* body(): AsyncGenerator<Uint8Array, void> {
    yield hit.body;
  }
  return {
    status: 200,
    contentType: hit.contentType,
    headers: {},
    body: body(),
    done: Promise.resolve({ status: 'ok', usage: hit.usage, estimated: false }),
  };
}
