import type { AppError } from '../../../base/index.ts';
import { LatencyEstimate } from './latency-estimate.ts';
import { SlidingWindow } from './sliding-window.ts';

/** Counts over all deployments, so that the common case is known without looking at each. */
export interface HealthTally {
  /** Deployments that cool down, or have and are not proven well again. */
  cooling: number;
}

/** What this process has seen of one deployment; kept by its id while model lists come and go. */
export class DeploymentHealth {
  readonly id: string;
  inFlight = 0;
  /** Epoch milliseconds; 0: healthy. When it lies in the past, one call tries whether the deployment is well again. */
  coolingUntilMs = 0;
  /** It cools because it asked for a pause. */
  paused = false;
  /** That one call is under way. */
  probing = false;
  lastUsedMs = 0;
  lastError: { readonly code: string; readonly message: string; readonly atMs: number } | undefined;
  readonly window = new SlidingWindow();
  readonly latency = new LatencyEstimate();
  /** Failures since the last quiet time of a cool-down's length; for `allowedFails`. */
  fails = 0;
  failsUntilMs = 0;
  readonly #tally: HealthTally;

  constructor(id: string, tally: HealthTally) {
    this.id = id;
    this.#tally = tally;
  }

  get healthy(): boolean {
    return this.coolingUntilMs === 0;
  }

  /** May it be called? While one call tries it, no other. */
  isOpen(nowMs: number): boolean {
    return this.coolingUntilMs === 0 || (nowMs >= this.coolingUntilMs && !this.probing);
  }

  cool(untilMs: number, paused: boolean): void {
    if (this.coolingUntilMs === 0) this.#tally.cooling += 1;
    this.coolingUntilMs = Math.max(this.coolingUntilMs, untilMs);
    this.paused = paused;
    this.probing = false;
  }

  heal(): void {
    if (this.coolingUntilMs === 0) return;
    this.#tally.cooling -= 1;
    this.coolingUntilMs = 0;
    this.paused = false;
    this.probing = false;
  }

  noteError(error: AppError, nowMs: number): void {
    this.lastError = { code: error.code, message: error.message, atMs: nowMs };
  }

  /** Counts a failure that lives for `lifeMs` after the last one; tells how many there are. */
  countFail(nowMs: number, lifeMs: number): number {
    this.fails = nowMs < this.failsUntilMs ? this.fails + 1 : 1;
    this.failsUntilMs = nowMs + lifeMs;
    return this.fails;
  }

  /** Nothing under way and nothing worth remembering. */
  isIdle(nowMs: number): boolean {
    return this.inFlight === 0 && nowMs - this.lastUsedMs > 60_000 && this.coolingUntilMs <= nowMs;
  }
}
