import type { Clock, Logger } from '../../base/index.ts';
import type { FileStore } from '../../capabilities/files/index.ts';
import type { Metrics } from '../../platform/observability/index.ts';
import type { ReplyAddress } from '../../protocol/index.ts';
import type { AccountPacer } from './account-pacer.ts';
import type { ChannelAdapter, Chunk } from './channel-adapter.ts';
import { chunkKey } from './chunk-key.ts';
import { deliverFile, outgoingFiles } from './deliver-files.ts';
import type { Delivery, DeliveryOutcome, DeliveryPause, DeliveryStore } from './delivery-store.ts';
import { noticeActions, noticeText } from './notice-text.ts';
import { emptyAnswer, responseText } from './response-text.ts';
import type { ReplyPreviews } from './previews/reply-previews.ts';
import { sendInPlace } from './previews/send-in-place.ts';
import { maxAgeOf, nextTry, type NextTry, type RetrySettings } from './retry-rule.ts';
import { SendError } from './send-error.ts';

/** How hard delivery tries. */
export interface DeliverySettings extends RetrySettings {
  /** A delivery whose next try is further away leaves its slot until then. */
  readonly longestHoldMs: number;
  /** Deliveries side by side in this process. */
  readonly concurrency: number;
  /** Of these, over all processes, to one account of a platform or one host. */
  readonly perReceiver: number;
}

export const defaultDeliverySettings: DeliverySettings = {
  // With the waits below some five hours: platforms have outages of hours, and people read the answer afterwards.
  maxAttempts: 36,
  maxRepeats: 12,
  maxAgeMs: 24 * 3_600_000,
  onAmbiguous: 'retry',
  backOffMs: 1000,
  maxBackOffMs: 15 * 60_000,
  longestHoldMs: 2000,
  concurrency: 100,
  perReceiver: 30,
};

/** What sending one response stands on. */
export interface DeliverResponseDeps {
  readonly store: Pick<DeliveryStore, 'advance' | 'noteFailure'>;
  readonly files: FileStore;
  readonly pacer: AccountPacer;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly settings: DeliverySettings;
  readonly previews: ReplyPreviews;
}

/** `waiting` aborts waits between sends, `sending` also a send under way. */
export interface DeliverySignals {
  readonly waiting: AbortSignal;
  readonly sending: AbortSignal;
}

/**
 * Sends a response chunk by chunk and then its files, from its cursor on. What the platform accepted is noted before the
 * next one is sent. Returns how it ended, or until when it has to wait; throws only when the process stops, the database
 * fails or another process delivers.
 */
export async function deliverResponse(
  deps: DeliverResponseDeps,
  adapterOf: (channel: string) => ChannelAdapter | undefined,
  delivery: Delivery,
  signals: DeliverySignals,
): Promise<DeliveryOutcome> {
  const state = { attempts: delivery.attempts };
  let chunks: readonly Chunk[] | undefined;
  for (let cursor = delivery.cursor; ; cursor += 1) {
    const sent = await untilSettled({ ...deps, adapterOf }, delivery, state, signals, async () => {
      const adapter = adapterFor(adapterOf, delivery);
      // Before anything is sent the platform may have refused a kind of markup for good.
      if (chunks === undefined || cursor === 0) chunks = render(adapter, delivery);
      const chunk = chunks[cursor];
      const file = outgoingFiles(delivery)[cursor - chunks.length];
      if (chunk === undefined && file === undefined) return { done: true };
      signals.waiting.throwIfAborted();
      const pause = pauseOf(deps, delivery);
      if (pause !== undefined) return pause;
      await deps.pacer.turn(accountOf(delivery), adapter.capabilities.sendsPerSecond, signals.waiting);
      const key = chunkKey(delivery.outboxId, cursor);
      const options = { signal: signals.sending, key };
      const address = addressOf(delivery, cursor);
      if (chunk !== undefined && cursor === 0)
        return { id: await sendInPlace(deps, { adapter, delivery, address, chunk, key }, signals) };
      if (chunk !== undefined) return { id: await adapter.sendChunk(address, chunk, options) };
      if (file === undefined) return { done: true };
      return { id: await deliverFile({ ...deps, adapter }, delivery, address, file, options) };
    });
    if ('status' in sent) return sent;
    if ('done' in sent) return { status: 'sent' };
    await deps.store.advance(delivery.outboxId, cursor, sent.id);
  }
}

type ChunkOutcome = { readonly done: true } | { readonly id: string };

/** Until the account may send again, where that is more than a moment away. */
function pauseOf(
  { pacer, clock, settings }: DeliverResponseDeps,
  delivery: Delivery,
): DeliveryPause | undefined {
  const left = pacer.pauseLeft(accountOf(delivery));
  if (left <= settings.longestHoldMs) return undefined;
  return { status: 'paused', untilMs: clock.now() + left, isFailure: false };
}

/** Repeats a send until it succeeded, has to wait for long, or there is no point in it any more. */
async function untilSettled(
  deps: DeliverResponseDeps & { readonly adapterOf: (channel: string) => ChannelAdapter | undefined },
  delivery: Delivery,
  state: { attempts: number },
  signals: DeliverySignals,
  send: () => Promise<ChunkOutcome | DeliveryPause>,
): Promise<ChunkOutcome | DeliveryOutcome> {
  const { pacer, clock, settings, store, adapterOf } = deps;
  for (;;) {
    const adapter = adapterOf(delivery.address.channel);
    if (clock.now() - delivery.createdAtMs > maxAgeOf(adapter, settings)) {
      return { status: 'failed', error: 'the response became too old to be sent' };
    }
    try {
      return await send();
    } catch (error) {
      if (!(error instanceof SendError)) throw error;
      const isFailure = error.retryAfterMs === undefined && error.verdict !== 'permanent';
      if (isFailure) state.attempts += 1;
      const next = nextTry(adapter, settings, { error, failures: state.attempts });
      count(deps, delivery, error, { failures: state.attempts, next });
      if (next.end === undefined && error.pauses === 'account') pacer.pause(accountOf(delivery), next.waitMs);
      // The failure is counted together with the wait that it causes.
      if (next.end === undefined && next.waitMs > settings.longestHoldMs) {
        const untilMs = clock.now() + next.waitMs;
        return { status: 'paused', untilMs, isFailure, reason: error.message };
      }
      if (isFailure) await store.noteFailure(delivery.outboxId, error.message);
      if (next.end !== undefined) return { status: next.end, error: next.error };
      if (error.pauses !== 'account') await clock.sleep(next.waitMs, { signal: signals.waiting });
    }
  }
}

/** Asked for each send: a reload may have replaced the channel meanwhile. */
function adapterFor(
  adapterOf: (channel: string) => ChannelAdapter | undefined,
  { address }: Delivery,
): ChannelAdapter {
  const adapter = adapterOf(address.channel);
  if (adapter === undefined) {
    throw new SendError('retry', `there is no running channel "${address.channel}" to answer through`);
  }
  if (adapter.accountId !== address.accountId) {
    throw new SendError(
      'permanent',
      `channel "${address.channel}" now speaks for account ${adapter.accountId}, the answer belongs to ${address.accountId}`,
    );
  }
  return adapter;
}

/** Never without a chunk: also an answer of nothing but blank code gets a message. */
function render(adapter: ChannelAdapter, { outgoing, createdAtMs }: Delivery): readonly Chunk[] {
  if (adapter.renderOutgoing !== undefined)
    return adapter.renderOutgoing(outgoing, new Date(createdAtMs).toISOString());
  const text = outgoing.kind === 'notice' ? noticeText(outgoing.notice) : responseText(outgoing.response);
  const chunks = adapter.render(text);
  const last = chunks.at(-1);
  if (last === undefined) return adapter.render(emptyAnswer);
  const actions = outgoing.kind === 'notice' ? noticeActions(outgoing.notice) : [];
  return actions.length === 0 ? chunks : [...chunks.slice(0, -1), { ...last, actions }];
}

function accountOf({ address }: Delivery): string {
  return `${address.platform}:${address.accountId}`;
}

/** Only the first chunk quotes the message that it answers. */
function addressOf({ address }: Delivery, cursor: number): ReplyAddress {
  if (cursor === 0) return address;
  const { replyToMessageId: _quoted, ...unquoted } = address;
  return unquoted;
}

function count(
  deps: DeliverResponseDeps,
  delivery: Delivery,
  error: SendError,
  { failures, next }: { readonly failures: number; readonly next: NextTry },
): void {
  const status = error.code === 'rate_limited' ? 'rate_limited' : error.verdict;
  deps.metrics.channelMessages.inc({ channel: delivery.address.channel, direction: 'out', status });
  deps.logger.warn(
    {
      outboxId: delivery.outboxId,
      channel: delivery.address.channel,
      verdict: error.verdict,
      reason: error.message,
      failures,
      ...(next.end === undefined
        ? { nextTryAt: new Date(deps.clock.now() + next.waitMs).toISOString() }
        : { end: next.end }),
    },
    'a message was not confirmed by the platform',
  );
}
