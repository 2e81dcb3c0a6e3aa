import type { Clock } from '../../../base/index.ts';
import type { KeptAnswer } from './answer-store.ts';

interface Entry {
  readonly rest: string;
  /** Of length 1. */
  readonly vector: Float32Array;
  readonly kept: KeptAnswer;
}

/** The vector with length 1; `undefined` where it has no direction. */
export function directionOf(vector: readonly number[]): Float32Array | undefined {
  const length = Math.hypot(...vector);
  if (!Number.isFinite(length) || length === 0) return undefined;
  return Float32Array.from(vector, (value) => value / length);
}

function likeness(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return -1;
  let sum = 0;
  for (let index = 0; index < a.length; index += 1) sum += (a[index] ?? 0) * (b[index] ?? 0);
  return sum;
}

/** Answers of this process by the direction of their questions, each tenant's by themselves; the oldest go first. */
export class SemanticIndex {
  readonly #clock: Clock;
  readonly #tenants = new Map<string, Entry[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The answer to the likest question that is at least so like and not older than that. */
  find(
    tenant: string,
    question: { readonly rest: string; readonly vector: Float32Array },
    least: { readonly threshold: number; readonly storedMs: number },
  ): KeptAnswer | undefined {
    const now = this.#clock.now();
    let best: KeptAnswer | undefined;
    let most = least.threshold;
    for (const { rest, vector, kept } of this.#tenants.get(tenant) ?? []) {
      if (rest !== question.rest || kept.expiresMs <= now || kept.storedMs < least.storedMs) continue;
      const like = likeness(vector, question.vector);
      if (like < most) continue;
      most = like;
      best = kept;
    }
    return best;
  }

  add(tenant: string, entry: Entry, maxEntries: number): void {
    const now = this.#clock.now();
    const live = (this.#tenants.get(tenant) ?? []).filter(({ kept }) => kept.expiresMs > now);
    live.push(entry);
    this.#tenants.set(tenant, live.slice(-maxEntries));
  }

  clear(tenant: string): void {
    this.#tenants.delete(tenant);
  }
}
