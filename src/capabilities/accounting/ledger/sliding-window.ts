const buckets = 61;

/**
 * Counts within a window that slides in 60 steps: the present bucket and the 60 before it are counted together, so that no
 * span of the window's length ever holds more than was allowed. What is counted leaves a sixtieth of the window late at most.
 */
export class SlidingWindow {
  readonly #bucketMs: number;
  readonly #ring = new Float64Array(buckets);
  #newest = 0;
  #sum = 0;

  constructor(windowMs: number) {
    this.#bucketMs = Math.ceil(windowMs / (buckets - 1));
  }

  /** What lies within the window now. */
  sumAt(nowMs: number): number {
    this.#moveTo(nowMs);
    return this.#sum;
  }

  /** Counts now. */
  add(amount: number, nowMs: number): void {
    this.#moveTo(nowMs);
    const place = this.#newest % buckets;
    this.#ring[place] = (this.#ring[place] ?? 0) + amount;
    this.#sum += amount;
  }

  /** Takes back what was counted at `thenMs`, if that is still within the window. */
  takeBack(amount: number, thenMs: number, nowMs: number): void {
    this.#moveTo(nowMs);
    const bucket = Math.floor(thenMs / this.#bucketMs);
    if (bucket <= this.#newest - buckets || bucket > this.#newest) return;
    const place = bucket % buckets;
    const held = this.#ring[place] ?? 0;
    const less = Math.min(held, amount);
    this.#ring[place] = held - less;
    this.#sum -= less;
  }

  /** Milliseconds until `wanted` more fit under `allowed`; `null`: never. */
  waitFor(wanted: number, allowed: number, nowMs: number): number | null {
    if (wanted > allowed) return null;
    this.#moveTo(nowMs);
    let held = this.#sum;
    for (let age = buckets - 1; age >= 0 && held + wanted > allowed; age -= 1) {
      const bucket = this.#newest - age;
      held -= bucket < 0 ? 0 : (this.#ring[bucket % buckets] ?? 0);
      if (held + wanted <= allowed) return (bucket + buckets) * this.#bucketMs - nowMs;
    }
    return 0;
  }

  /** Number of the newest bucket and the counts by place; to be stored. */
  stored(nowMs: number): { readonly bucket: number; readonly ring: readonly number[] } {
    this.#moveTo(nowMs);
    return { bucket: this.#newest, ring: [...this.#ring] };
  }

  /** Goes on with what was stored. */
  restore(bucket: number, ring: readonly (number | string)[]): void {
    this.#newest = bucket;
    this.#ring.fill(0);
    this.#sum = 0;
    for (let place = 0; place < buckets; place += 1) {
      const value = Number(ring[place] ?? 0);
      this.#ring[place] = value;
      this.#sum += value;
    }
  }

  #moveTo(nowMs: number): void {
    const present = Math.floor(nowMs / this.#bucketMs);
    // A clock that was put back counts on where it was.
    if (present <= this.#newest) return;
    if (present - this.#newest >= buckets) {
      this.#ring.fill(0);
      this.#sum = 0;
    } else {
      for (let bucket = this.#newest + 1; bucket <= present; bucket += 1) {
        const place = bucket % buckets;
        this.#sum -= this.#ring[place] ?? 0;
        this.#ring[place] = 0;
      }
    }
    this.#newest = present;
  }
}
