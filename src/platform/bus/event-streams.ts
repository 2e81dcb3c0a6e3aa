import type { HealthReport, Service } from '../../base/index.ts';

/** What is appended to a stream: text, JSON by convention. */
export interface StreamMessage {
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A message as a consumer gets it. */
export interface StreamEntry {
  /** The carrier's own id of it. */
  readonly id: string;
  readonly body: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
  /** How often it was handed to a process, this time included. */
  readonly attempt: number;
}

/** An entry that can never be handled. */
export interface RefusedEntry {
  readonly id: string;
  readonly reason: string;
}

/**
 * Handles a batch, in the order of the stream. Resolved: all are acknowledged, those it names as refused after they
 * were written to the dead letters. Rejected: they come again; only they are held up.
 */
export type StreamHandler = (
  entries: readonly StreamEntry[],
  context: { readonly signal: AbortSignal },
) => Promise<readonly RefusedEntry[] | void>;

export interface ConsumeOptions {
  /** Most entries in one call of the handler (default 100). Nothing further is read while it works. */
  readonly batch?: number;
  /** Tries of an entry before it goes to the dead letters (default 5). An error that is `retryable` counts as no try. */
  readonly maxAttempts?: number;
  /** Times that an entry may be handed to processes that never finish it, before it is given up (default `maxAttempts`). */
  readonly maxDeliveries?: number;
  /** Stream for what was given up; `<stream>:dead` when left out. */
  readonly deadLetters?: string;
  /**
   * This is the only reader of the group, and whoever read before is gone: it takes over at once what they left. The
   * caller sees to that by a lease. Without it, what a reader left is taken over after `claimAfterMs`.
   */
  readonly sole?: boolean;
  /** How long an entry may be silent with its reader before another takes it (default 60 s). */
  readonly claimAfterMs?: number;
  /** Deletes what every group has acknowledged once it is older (default: never). */
  readonly keepMs?: number;
  /** Told for each entry that was given up. */
  readonly onDeadLetter?: (entry: StreamEntry, reason: string) => void;
}

/** A running reader. */
export interface StreamConsumer {
  /** `down`: the carrier cannot be asked at present; it is tried again. */
  health(): HealthReport;
  /** Lets the handler finish what it has begun (5 s at most) and leaves the rest to others. */
  stop(): Promise<void>;
}

/**
 * Durable streams with groups of consumers: each group gets every entry, at least once; consumers of one group share
 * them. An entry is acknowledged after its handler resolved, and nothing is deleted that a group has not acknowledged.
 *
 * Errors: `not_ready` before `start` and after `stop`, `storage_unavailable` while the carrier is away (what was asked
 * may have happened), `invalid_config` where it would lose data.
 */
export interface EventStreams extends Service {
  /**
   * Resolves with the carrier's id when the message is kept. It may be there twice after an error: `id` is passed on as
   * the header `message_id`, by which consumers know it again.
   */
  append(stream: string, message: StreamMessage, options?: AppendOptions): Promise<string>;
  /**
   * Begins to read, in the background, and goes on after every failure with growing waits. A new group begins with the
   * oldest entry.
   */
  consume(stream: string, group: string, handler: StreamHandler, options?: ConsumeOptions): StreamConsumer;
  /** Writes an entry to a stream of dead letters, with the reason and where it came from. */
  deadLetter(deadLetters: string, entry: StreamEntry, origin: DeadOrigin): Promise<void>;
  health(signal: AbortSignal): Promise<HealthReport>;
}

export interface AppendOptions {
  readonly id?: string;
  /** At least so many of the newest entries stay; older ones go once no group needs them. */
  readonly keepEntries?: number;
  /** The whole stream goes when nothing was appended for so long, unless a group reads it. */
  readonly expireMs?: number;
}

export interface DeadOrigin {
  readonly stream: string;
  readonly group: string;
  readonly reason: string;
}
