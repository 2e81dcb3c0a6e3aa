import type { Json, JsonObject } from '../../base/index.ts';

/** Place of a write: topological place of its step, then index and iteration of the loops around it, then inward. */
export type Rank = readonly number[];

interface Write {
  readonly value: Json;
  readonly rank: Rank;
}

/** Below zero when `one` comes before `two`. */
export function compareRanks(one: Rank, two: Rank): number {
  const shared = Math.min(one.length, two.length);
  for (let index = 0; index < shared; index += 1) {
    const difference = (one[index] ?? 0) - (two[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return one.length - two.length;
}

/**
 * Named values that steps wrote, immutable. Of two writes to one name the one of the step that comes later in the
 * topological order holds (steps side by side: the later one in the definition), whatever the clock said: so that every
 * execution sees the same.
 */
export class Writes {
  readonly #written: ReadonlyMap<string, Write>;
  #object: JsonObject | undefined;

  constructor(written: ReadonlyMap<string, Write> = new Map()) {
    this.#written = written;
  }

  /** Both, the later write of each name. */
  with(other: Writes): Writes {
    if (other === this || other.#written.size === 0) return this;
    if (this.#written.size === 0) return other;
    let merged: Map<string, Write> | undefined;
    for (const [name, write] of other.#written) {
      const own = this.#written.get(name);
      if (own === write || (own !== undefined && compareRanks(own.rank, write.rank) >= 0)) continue;
      merged ??= new Map(this.#written);
      merged.set(name, write);
    }
    return merged === undefined ? this : new Writes(merged);
  }

  /** With these values written at a rank. */
  adding(values: JsonObject, rank: Rank): Writes {
    const added = new Map<string, Write>();
    for (const [name, value] of Object.entries(values)) added.set(name, { value: value ?? null, rank });
    return this.with(new Writes(added));
  }

  /** The values by name. */
  get object(): JsonObject {
    this.#object ??= Object.fromEntries([...this.#written].map(([name, write]) => [name, write.value]));
    return this.#object;
  }

  get isEmpty(): boolean {
    return this.#written.size === 0;
  }
}

export const noWrites = new Writes();
