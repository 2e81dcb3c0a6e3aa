import type { HealthCheck, Service } from '../../base/index.ts';
import { recordEventLoopLag } from './event-loop-lag.ts';

/** Above this the process answers everybody late. */
const degradedAboveMs = 500;
const everyMs = 100;

/** Watches how late the event loop is; a process that computes too long in one piece reports `degraded`. */
export class EventLoopCheck implements HealthCheck, Service {
  readonly name = 'event_loop';
  readonly critical = false;
  #lag: ReturnType<typeof recordEventLoopLag> | undefined;

  async start(): Promise<void> {
    this.#lag ??= recordEventLoopLag(everyMs);
  }

  async stop(): Promise<void> {
    this.#lag?.stop();
    this.#lag = undefined;
  }

  async check(): ReturnType<HealthCheck['check']> {
    const histogram = this.#lag?.histogram;
    const p99Ms = Math.round((histogram?.percentile(99) ?? 0) / 1e5) / 10;
    const maxMs = Math.round((histogram?.max ?? 0) / 1e5) / 10;
    histogram?.reset();
    const metrics = { delay_p99_ms: p99Ms, delay_max_ms: maxMs };
    if (p99Ms <= degradedAboveMs) return { status: 'ok', metrics };
    return { status: 'degraded', detail: `the event loop was up to ${p99Ms} ms late`, metrics };
  }
}
