import type { StreamEntry } from '../event-streams.ts';

/** What a reader asks of a carrier, one call at a time (except `touch`). Whatever it throws, the reader opens it again. */
export interface StreamSource {
  /** Connects, or connects again; the next `read` begins with what this consumer has and did not acknowledge. */
  open(signal: AbortSignal): Promise<void>;
  /** The next entries, oldest first; waits some seconds for them and resolves with none when nothing came. */
  read(limit: number, signal: AbortSignal): Promise<readonly StreamEntry[]>;
  acknowledge(entries: readonly StreamEntry[]): Promise<void>;
  /** Shows that these are still worked on, so that nobody takes them over. */
  touch(entries: readonly StreamEntry[]): Promise<void>;
  /** Gives back what was read and not acknowledged. Never rejects. */
  close(): Promise<void>;
}
