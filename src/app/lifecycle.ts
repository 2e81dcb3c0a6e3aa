import type { Logger, Service } from '../base/index.ts';

/** Starts services in the order given and stops the started ones in reverse; one that fails to stop does not keep the others. */
export class Lifecycle {
  readonly #logger: Logger;
  readonly #started: Service[] = [];

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  async start(service: Service): Promise<void> {
    // Listed first: `stop` after a failed `start` cleans up what was begun.
    this.#started.push(service);
    await service.start();
  }

  /** Adds something that only needs tidying up. */
  onStop(name: string, stop: () => Promise<void>): void {
    this.#started.push({ name, start: () => Promise.resolve(), stop });
  }

  async stop(): Promise<void> {
    for (let service = this.#started.pop(); service !== undefined; service = this.#started.pop()) {
      try {
        await service.stop();
      } catch (error) {
        this.#logger.error({ error, service: service.name }, 'service did not stop cleanly');
      }
    }
  }
}
