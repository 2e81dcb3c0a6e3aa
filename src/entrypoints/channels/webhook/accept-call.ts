import { AppError, toAppError, type Json, type JsonObject } from '../../../base/index.ts';
import type { Message, RunTarget, WebhookChannelSpec } from '../../../protocol/index.ts';
import type { Acceptance, ChannelAdapterContext } from '../channel-adapter.ts';

/** A call that is to be taken in. */
interface ReadyCall {
  readonly message: Message;
  /** Name of the event to publish. */
  readonly publish: string | undefined;
}

type Done = Pick<Acceptance, 'outcome'> & { readonly shown: JsonObject };

/**
 * Publishes the event and starts each target, side by side; a target that can never be started leaves the others alone.
 * Durable when it resolves. Rejects when the call has to come again; what was done already is not done twice then.
 */
export async function acceptCall(
  context: Pick<ChannelAdapterContext, 'accept' | 'publish' | 'logger'>,
  spec: WebhookChannelSpec,
  { message, publish }: ReadyCall,
): Promise<Acceptance> {
  const work = [
    ...(publish === undefined ? [] : [publishEvent(context, message, publish)]),
    ...messagesFor(spec, message).map((one) => startTarget(context, one)),
  ];
  const settled = await Promise.allSettled(work);
  const failed = settled.find((one) => one.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  const done = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const [event] = publish === undefined ? [] : done;
  return answerCall({
    id: message.message_id ?? null,
    outcomes: done.map(({ outcome }) => outcome),
    ...(event === undefined ? {} : { event: event.shown }),
    runs: done.slice(event === undefined ? 0 : 1).map(({ shown }) => shown),
  });
}

/** A call that has not what it needs. */
export function refuseCall(reason: string): Acceptance {
  return {
    outcome: 'rejected',
    reply: jsonReply(422, { status: 'rejected', reason }),
  };
}

/** What the sender reads: 202 when something new was begun, 422 when nothing could be, else 200. */
export function answerCall(
  taken:
    | { readonly ignored: string }
    | {
        readonly id: Json;
        readonly outcomes: readonly Acceptance['outcome'][];
        readonly event?: JsonObject;
        readonly runs: readonly JsonObject[];
      },
): Acceptance {
  if ('ignored' in taken)
    return { outcome: 'ignored', reply: jsonReply(200, { status: 'ignored', reason: taken.ignored }) };
  const { outcomes, ...shown } = taken;
  const has = (...some: readonly Acceptance['outcome'][]): boolean =>
    outcomes.some((outcome) => some.includes(outcome));
  if (has('submitted', 'waiting'))
    return { outcome: 'submitted', reply: jsonReply(202, { status: 'accepted', ...shown }) };
  if (has('duplicate'))
    return { outcome: 'duplicate', reply: jsonReply(200, { status: 'duplicate', ...shown }) };
  if (has('rejected'))
    return { outcome: 'rejected', reply: jsonReply(422, { status: 'rejected', ...shown }) };
  return { outcome: 'ignored', reply: jsonReply(200, { status: 'ignored', ...shown }) };
}

function jsonReply(status: number, body: JsonObject) {
  return { status, contentType: 'application/json', body: JSON.stringify(body) };
}

function messagesFor(spec: WebhookChannelSpec, message: Message): readonly Message[] {
  if (spec.targets !== undefined)
    return spec.targets.map((target) => ({
      ...message,
      dedupe_key: `${message.dedupe_key}#${target.kind}:${target.name}`,
      order: { ...message.order, target },
    }));
  return (spec.agent ?? spec.team ?? spec.workflow) ? [message] : [];
}

async function startTarget(
  { accept }: Pick<ChannelAdapterContext, 'accept'>,
  message: Message,
): Promise<Done> {
  const { outcome, runId, error } = await accept(message);
  const target: RunTarget | undefined = message.order?.target;
  return {
    outcome,
    shown: {
      status: outcome === 'denied' ? 'ignored' : outcome,
      ...(target === undefined ? {} : { target: { ...target } }),
      ...(runId === undefined ? {} : { run_id: runId }),
      ...(outcome === 'denied' ? { reason: `the user "${message.user_id}" is not among access.users` } : {}),
      ...(outcome === 'rejected' && error !== undefined
        ? { error: { code: error.code, message: error.message } }
        : {}),
    },
  };
}

async function publishEvent(
  { publish, logger }: Pick<ChannelAdapterContext, 'publish' | 'logger'>,
  message: Message,
  name: string,
): Promise<Done> {
  const raw = message.metadata['raw'] as JsonObject;
  try {
    const event = { name, payload: raw['body'] ?? null, id: `webhook:${message.dedupe_key}` };
    if (publish === undefined) throw new AppError('not_ready', 'this process cannot publish events');
    const { duplicate } = await publish(event);
    const outcome = duplicate ? 'duplicate' : 'submitted';
    return { outcome, shown: { name, status: outcome === 'submitted' ? 'published' : outcome } };
  } catch (error) {
    const fault = toAppError(error);
    if (fault.retryable || fault.fault !== 'caller') throw fault;
    if (fault.code === 'idempotency_mismatch')
      return { outcome: 'duplicate', shown: { name, status: 'duplicate' } };
    logger.warn({ reason: fault.message, event: name }, 'an event of a webhook could not be published');
    const shown = { name, status: 'rejected', error: { code: fault.code, message: fault.message } };
    return { outcome: 'rejected', shown };
  }
}
