import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { HealthCheck, Service } from '../../base/index.ts';

/** Above this the process answers everybody late. */
const degradedAboveMs = 500;

/** Watches how late the event loop is; a process that computes too long in one piece reports `degraded`. */
export class EventLoopCheck implements HealthCheck, Service {
  readonly name = 'event_loop';
  readonly critical = false;
  readonly #delay = monitorEventLoopDelay({ resolution: 20 });

  async start(): Promise<void> {
    this.#delay.enable();
  }

  async stop(): Promise<void> {
    this.#delay.disable();
  }

  async check(): ReturnType<HealthCheck['check']> {
    const p99Ms = Math.round(this.#delay.percentile(99) / 1e5) / 10;
    const maxMs = Math.round(this.#delay.max / 1e5) / 10;
    this.#delay.reset();
    const metrics = { delay_p99_ms: p99Ms, delay_max_ms: maxMs };
    if (p99Ms <= degradedAboveMs) return { status: 'ok', metrics };
    return { status: 'degraded', detail: `the event loop was up to ${p99Ms} ms late`, metrics };
  }
}
