import type { CachedAnswer } from '../gateway/answer-cache.ts';

/** An answer with its times, epoch milliseconds. */
export interface KeptAnswer {
  readonly answer: CachedAnswer;
  readonly storedMs: number;
  readonly expiresMs: number;
}

/** Where answers are kept. Keys of one tenant mean nothing for another. */
export interface AnswerStore {
  /** What is kept and not expired. Never rejects: what cannot be reached is not known. */
  get(tenant: string, key: string, signal: AbortSignal): Promise<KeptAnswer | undefined>;
  /** Keeps it; returns at once and fails silently. */
  set(tenant: string, key: string, kept: KeptAnswer): void;
  /** Forgets everything of a tenant. Error: `storage_unavailable`. */
  clear(tenant: string): Promise<void>;
}
