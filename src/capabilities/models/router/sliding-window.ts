const bucketMs = 6000;
const buckets = 10;
const fields = ['starts', 'requests', 'failures', 'tokens'] as const;
type Field = (typeof fields)[number];

/** The bucket that a moment belongs to. */
export function bucketOf(nowMs: number): number {
  return Math.floor(nowMs / bucketMs);
}

/**
 * Counts of the last minute in ten buckets of six seconds; the oldest leaves when a new one begins, so a burst across a
 * minute's end still counts. Call `advance` before reading.
 */
export class SlidingWindow {
  /** Attempts that were begun. */
  starts = 0;
  /** Attempts whose outcome is known. */
  requests = 0;
  failures = 0;
  tokens = 0;
  /** The newest bucket; while it is the present one, `advance` has nothing to do. */
  bucket = 0;
  readonly #counts = new Float64Array(fields.length * buckets);

  /** Drops what is older than a minute. A clock that was set back changes nothing. */
  advance(nowMs: number): void {
    const bucket = bucketOf(nowMs);
    if (bucket > this.bucket) this.#roll(bucket);
  }

  add(field: Field, count: number, nowMs: number): void {
    this.advance(nowMs);
    const place = fields.indexOf(field) * buckets + (this.bucket % buckets);
    this.#counts[place] = (this.#counts[place] ?? 0) + count;
    this[field] += count;
  }

  /** Milliseconds until the oldest starts or tokens leave the window; 0 when there are none. */
  msUntilRelief(nowMs: number): number {
    this.advance(nowMs);
    for (let age = buckets - 1; age >= 0; age -= 1) {
      const slot = (this.bucket - age + buckets * 2) % buckets;
      if ((this.#counts[slot] ?? 0) > 0 || (this.#counts[3 * buckets + slot] ?? 0) > 0)
        return Math.max(1, (this.bucket - age + buckets) * bucketMs - nowMs);
    }
    return 0;
  }

  #roll(bucket: number): void {
    const steps = Math.min(buckets, bucket - this.bucket);
    for (let step = 1; step <= steps; step += 1) {
      const slot = (this.bucket + step) % buckets;
      for (const [index, field] of fields.entries()) {
        const place = index * buckets + slot;
        this[field] -= this.#counts[place] ?? 0;
        this.#counts[place] = 0;
      }
    }
    this.bucket = bucket;
  }
}
