import type { Clock } from '../../../base/index.ts';
import type { CachedAnswer } from '../gateway/answer-cache.ts';
import type { AnswerStore, KeptAnswer } from './answer-store.ts';

interface Entry {
  readonly kept: KeptAnswer;
  readonly bytes: number;
}

/** What an entry takes beside its answer, about. */
const overheadBytes = 512;

/** Bytes that an answer takes in memory, about: text has two for each character. */
function sizeOf(answer: CachedAnswer): number {
  if (answer.kind === 'bytes') return answer.body.byteLength;
  if (answer.kind === 'vectors') return answer.vectors.reduce((sum, vector) => sum + vector.length * 8, 0);
  return JSON.stringify(answer.events).length * 2;
}

/** Answers in the memory of this process; those used longest ago make room for new ones. */
export class MemoryAnswerStore implements AnswerStore {
  readonly #clock: Clock;
  readonly #maxBytes: () => number;
  /** In the order of their last use. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(deps: { readonly clock: Clock; readonly maxBytes: () => number }) {
    this.#clock = deps.clock;
    this.#maxBytes = deps.maxBytes;
  }

  /** Bytes of all that is kept, about. */
  get bytes(): number {
    return this.#bytes;
  }

  get(tenant: string, key: string): Promise<KeptAnswer | undefined> {
    const place = placeOf(tenant, key);
    const entry = this.#entries.get(place);
    if (entry === undefined) return Promise.resolve(undefined);
    this.#remove(place, entry);
    if (entry.kept.expiresMs <= this.#clock.now()) return Promise.resolve(undefined);
    this.#entries.set(place, entry);
    this.#bytes += entry.bytes;
    return Promise.resolve(entry.kept);
  }

  set(tenant: string, key: string, kept: KeptAnswer): void {
    const place = placeOf(tenant, key);
    const before = this.#entries.get(place);
    if (before !== undefined) this.#remove(place, before);
    const bytes = sizeOf(kept.answer) + place.length * 2 + overheadBytes;
    const most = this.#maxBytes();
    if (bytes > most) return;
    this.#entries.set(place, { kept, bytes });
    this.#bytes += bytes;
    for (const [oldest, entry] of this.#entries) {
      if (this.#bytes <= most) break;
      this.#remove(oldest, entry);
    }
  }

  clear(tenant: string): Promise<void> {
    for (const [place, entry] of this.#entries)
      if (place.startsWith(placeOf(tenant, ''))) this.#remove(place, entry);
    return Promise.resolve();
  }

  #remove(place: string, entry: Entry): void {
    this.#entries.delete(place);
    this.#bytes -= entry.bytes;
  }
}

/** A tenant's name cannot reach into another's, whatever is in it. */
function placeOf(tenant: string, key: string): string {
  return `${JSON.stringify(tenant)}:${key}`;
}
