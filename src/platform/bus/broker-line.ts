import { AppError, connectionFault, type Clock, type HealthReport, type Logger } from '../../base/index.ts';
import { pauseMs } from './pause.ts';

export interface BrokerLineDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Address of the broker. Of it only host and port are shown, and these only in the log. */
  readonly url: string;
}

/** Makes the first connection to a broker: now, or as soon as it is there. Afterwards its library keeps it. */
export class FirstConnection {
  readonly #deps: BrokerLineDeps;
  readonly #broker: string;
  #trying: { readonly stop: AbortController; readonly ended: Promise<void> } | undefined;
  #fault: string | undefined;

  constructor(deps: BrokerLineDeps, broker: string) {
    this.#deps = deps;
    this.#broker = broker;
  }

  /**
   * Resolves without a connection too, when the broker cannot be reached; it is then tried again with growing waits. Error:
   * what `connect` fails with where it is not `retryable`, such as refused credentials.
   */
  async begin(connect: () => Promise<void>): Promise<void> {
    const { logger } = this.#deps;
    try {
      await connect();
    } catch (error) {
      if (error instanceof AppError && !error.retryable) throw error;
      this.#note(error);
      const { host } = new URL(this.#deps.url);
      logger.warn({ host, reason: this.#fault }, `${this.#broker} is away; it is tried again`);
      const stop = new AbortController();
      this.#trying = { stop, ended: this.#keepTrying(connect, stop.signal) };
    }
  }

  /** Resolves when no try is under way any more. */
  async end(): Promise<void> {
    const trying = this.#trying;
    this.#trying = undefined;
    trying?.stop.abort(new AppError('not_ready', 'the process is stopping'));
    await trying?.ended;
  }

  /** Which broker is away, and why, as far as that is known. Without addresses: anybody may read it. */
  report(): HealthReport {
    const why = this.#fault ?? 'the connection was lost';
    return { status: 'down', detail: `${this.#broker} does not answer: ${why}. It is tried again.` };
  }

  async #keepTrying(connect: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#deps;
    for (let failures = 1; !signal.aborted; failures += 1) {
      await clock.sleep(pauseMs(failures), { signal }).catch(() => {});
      if (signal.aborted) return;
      try {
        await connect();
        this.#fault = undefined;
        logger.info({}, `${this.#broker} answers`);
        return;
      } catch (error) {
        this.#note(error);
      }
    }
  }

  #note(error: unknown): void {
    const isRefused = error instanceof AppError && !error.retryable;
    this.#fault = isRefused ? error.message.replace(/\.$/, '') : connectionFault(error);
  }
}
