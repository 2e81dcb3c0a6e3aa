/** A thing with a lifetime. Both calls may be repeated; `stop` after a failed `start` cleans up what was begun. */
export interface Service {
  readonly name: string;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Answer of one health check. `degraded` still serves; `down` does not. */
export interface HealthReport {
  readonly status: 'ok' | 'degraded' | 'down';
  /** One sentence for people, without secrets. */
  readonly detail?: string;
  /** Figures worth showing beside the status. */
  readonly metrics?: Readonly<Record<string, number | string | boolean>>;
}

/** One health check; a rejection or a missed deadline counts as `down`. */
export interface HealthCheck {
  readonly name: string;
  /** A critical check that is `down` makes the process not ready. */
  readonly critical: boolean;
  check(signal: AbortSignal): Promise<HealthReport>;
}
