import { AppError } from '../../base/index.ts';
import { backOffMs } from './back-off.ts';
import type { DeliverResponseDeps, DeliverySignals } from './deliver-response.ts';
import type { Delivery, DeliveryOutcome } from './delivery-store.ts';

// A broker that is back has its responses within this time.
const longestBackOffMs = 120_000;

/** Appends responses to streams of a broker. */
export interface StreamReplies {
  /** Resolves with the entry's id; `undefined`: it is nothing for a stream. An error that is not `retryable` is final. */
  append(stream: string, delivery: Delivery): Promise<string | undefined>;
}

/**
 * Appends a response to each of its streams, from its cursor on: one that has it does not get it again unless its
 * confirmation was lost. Returns how it ended, or until when it has to wait; throws only when the process stops, the
 * database fails or another process delivers.
 */
export async function deliverToStreams(
  deps: Pick<DeliverResponseDeps, 'store' | 'clock' | 'settings' | 'logger'>,
  replies: StreamReplies | undefined,
  delivery: Delivery,
  streams: readonly string[],
  signals: DeliverySignals,
): Promise<DeliveryOutcome> {
  const { store, clock, settings, logger } = deps;
  let { cursor } = delivery;
  for (let failures = delivery.attempts; cursor < streams.length;) {
    if (clock.now() - delivery.createdAtMs > settings.maxAgeMs)
      return { status: 'failed', error: 'the response became too old to be sent' };
    signals.waiting.throwIfAborted();
    try {
      if (replies === undefined)
        throw new AppError('storage_unavailable', 'this process has no broker for streams');
      const id = await replies.append(streams[cursor] ?? '', delivery);
      if (id === undefined) return { status: 'sent' };
      await store.advance(delivery.outboxId, cursor, id);
      cursor += 1;
      failures = 0;
    } catch (error) {
      if (!(error instanceof AppError) || error.code === 'conflict') throw error;
      if (!error.retryable) return { status: 'failed', error: error.message };
      failures += 1;
      if (failures === 1)
        logger.warn({ outboxId: delivery.outboxId, error }, 'a response was not appended to its stream');
      const maxMs = Math.min(settings.maxBackOffMs, longestBackOffMs);
      const wait = backOffMs(failures, { baseMs: settings.backOffMs, maxMs });
      if (wait > settings.longestHoldMs)
        return { status: 'paused', untilMs: clock.now() + wait, isFailure: true, reason: error.message };
      await store.noteFailure(delivery.outboxId, error.message);
      await clock.sleep(wait, { signal: signals.waiting });
    }
  }
  return { status: 'sent' };
}
