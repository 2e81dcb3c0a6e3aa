import { mkdir } from 'node:fs/promises';
import { systemClock } from '../base/index.ts';
import { loadOrCreateCredentials } from '../platform/security/index.ts';
import { createStorage } from '../platform/storage/index.ts';
import type { AppOptions, StartedApp } from './app-options.ts';
import { Lifecycle } from './lifecycle.ts';

/** A whole Agent33, built from its configuration. */
export class App {
  readonly #options: AppOptions;
  readonly #lifecycle: Lifecycle;

  constructor(options: AppOptions) {
    this.#options = options;
    this.#lifecycle = new Lifecycle(options.logger);
  }

  /** Starts everything in order; after a failure call `stop`. */
  async start(): Promise<StartedApp> {
    const { config, logger, clock = systemClock } = this.#options;
    await mkdir(config.homeDir, { recursive: true });
    const credentials = await loadOrCreateCredentials({ config, logger });
    this.#options.redactor?.learn([
      credentials.jwtSecret,
      credentials.apiSecretKey,
      credentials.encryptionKey,
      credentials.adminKey.key,
    ]);

    const storage = createStorage({ config, clock, logger });
    // The database takes longest to open; meanwhile the code is loaded and the files are read.
    const opened = this.#lifecycle.start(storage);
    // Awaited below, perhaps only after it was refused.
    opened.catch(() => {});
    const { compose } = await import('./compose.ts');
    return compose({
      options: this.#options,
      lifecycle: this.#lifecycle,
      clock,
      credentials,
      storage,
      opened,
    });
  }

  /** Stops in reverse order; also after a failed start. */
  async stop(): Promise<void> {
    await this.#lifecycle.stop();
  }
}

/** A server that is not started yet. */
export function createApp(options: AppOptions): App {
  return new App(options);
}
