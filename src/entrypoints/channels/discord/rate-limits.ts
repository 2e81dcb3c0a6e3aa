import type { Clock } from '../../../base/index.ts';
import { DiscordApiError } from './discord-api-error.ts';

const mostPerSecond = 50;
const longestWaitMs = 5000;
const mostRemembered = 5000;

interface Bucket {
  remaining: number;
  resetAtMs: number;
}

/**
 * Discord's limits as its answers tell them: a bucket for each route and channel, and fifty calls a second in all. Short
 * waits are waited out; a longer one fails at once with the wait, so that nobody holds a place for it.
 */
export class RateLimits {
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();
  readonly #routes = new Map<string, string>();
  #pausedUntilMs = 0;
  #windowStartMs = 0;
  #windowCalls = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when a call of this route may be made. `exempt`: outside the limit of the account. */
  async turn(route: string, options: { signal: AbortSignal; exempt: boolean }): Promise<void> {
    for (;;) {
      const wait = this.#waitFor(route, options.exempt);
      if (wait <= 0) break;
      if (wait > longestWaitMs) {
        throw new DiscordApiError(`Discord's limit for ${route} is used up`, {
          status: 429,
          retryAfterMs: wait,
          isGlobal: this.#pausedUntilMs > this.#clock.now(),
        });
      }
      await this.#clock.sleep(wait, { signal: options.signal });
    }
    const bucket = this.#bucketOf(route);
    if (bucket !== undefined) bucket.remaining -= 1;
    if (!options.exempt) this.#windowCalls += 1;
  }

  /** Takes over what the headers of an answer say. */
  learn(route: string, headers: Readonly<Record<string, string>>): void {
    const name = headers['x-ratelimit-bucket'];
    const remaining = Number(headers['x-ratelimit-remaining'] ?? Number.NaN);
    const resetAfter = Number(headers['x-ratelimit-reset-after'] ?? Number.NaN);
    if (name === undefined || !Number.isFinite(remaining) || !Number.isFinite(resetAfter)) return;
    if (this.#routes.size >= mostRemembered) {
      this.#routes.clear();
      this.#buckets.clear();
    }
    // A bucket is shared by routes, but not by channels.
    const key = `${name}:${route.split(' ').at(-1) ?? ''}`;
    this.#routes.set(route, key);
    this.#buckets.set(key, { remaining, resetAtMs: this.#clock.now() + resetAfter * 1000 });
  }

  /** Nothing of the account is called for this long. */
  pause(milliseconds: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#clock.now() + milliseconds);
  }

  #bucketOf(route: string): Bucket | undefined {
    return this.#buckets.get(this.#routes.get(route) ?? '');
  }

  #waitFor(route: string, exempt: boolean): number {
    const now = this.#clock.now();
    const bucket = this.#bucketOf(route);
    const wait = bucket !== undefined && bucket.remaining <= 0 ? bucket.resetAtMs - now : 0;
    if (exempt) return wait;
    if (now - this.#windowStartMs >= 1000 || now < this.#windowStartMs) {
      this.#windowStartMs = now;
      this.#windowCalls = 0;
    }
    const full = this.#windowCalls >= mostPerSecond ? this.#windowStartMs + 1000 - now : 0;
    return Math.max(wait, full, this.#pausedUntilMs - now);
  }
}
