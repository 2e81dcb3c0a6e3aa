import { mkdir } from 'node:fs/promises';
import { systemClock } from '../base/index.ts';
import { loadOrCreateCredentials } from '../platform/security/index.ts';
import { createStorage } from '../platform/storage/index.ts';
import type { AppOptions, StartedApp, StartedWorker } from './app-options.ts';
import type { Foundation } from './compose.ts';
import { Lifecycle } from './lifecycle.ts';
import { processRoles } from './process-roles.ts';

/** A process of Agent33, built from its configuration. */
class Process {
  readonly #options: AppOptions;
  readonly #lifecycle: Lifecycle;

  constructor(options: AppOptions) {
    this.#options = options;
    this.#lifecycle = new Lifecycle(options.logger);
  }

  /** Opens the database and loads the code meanwhile. */
  protected async found(): Promise<Foundation> {
    const { config, logger, clock = systemClock } = this.#options;
    await mkdir(config.homeDir, { recursive: true });
    const credentials = await loadOrCreateCredentials({ config, logger });
    this.#options.redactor?.learn([
      credentials.jwtSecret,
      credentials.apiSecretKey,
      credentials.encryptionKey,
      credentials.adminKey.key,
    ]);

    const storage = this.#options.storage ?? createStorage({ config, clock, logger });
    // The database takes longest to open; meanwhile the code is loaded and the files are read.
    const opened = this.#lifecycle.start(storage);
    // Awaited by whoever goes on, perhaps only after it was refused.
    opened.catch(() => {});
    return { options: this.#options, lifecycle: this.#lifecycle, clock, credentials, storage, opened };
  }

  /** Stops in reverse order; also after a failed start. */
  async stop(): Promise<void> {
    await this.#lifecycle.stop();
  }
}

/** A server: accepts requests, and works on the queues unless told otherwise. */
export class App extends Process {
  /** Starts everything in order; after a failure call `stop`. */
  async start(): Promise<StartedApp> {
    const foundation = await this.found();
    const { startServer } = await import('./start-server.ts');
    return startServer(foundation);
  }
}

/** A process beside servers that only works on the queues; needs PostgreSQL. */
export class Worker extends Process {
  readonly #config: AppOptions['config'];

  constructor(options: AppOptions) {
    super(options);
    this.#config = options.config;
  }

  /** Starts everything in order; after a failure call `stop`. Error: `invalid_config` without PostgreSQL. */
  async start(): Promise<StartedWorker> {
    // Refused before anything of the project is touched.
    processRoles(this.#config, 'worker');
    const foundation = await this.found();
    const { startWorker } = await import('./start-worker.ts');
    return startWorker(foundation);
  }
}

/** A server that is not started yet. */
export function createApp(options: AppOptions): App {
  return new App(options);
}

/** A worker that is not started yet. */
export function createWorker(options: AppOptions): Worker {
  return new Worker(options);
}
