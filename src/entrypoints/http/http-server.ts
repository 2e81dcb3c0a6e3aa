import { AppError, type Service } from '../../base/index.ts';
import { buildApp } from './build-app.ts';
import { buildProbeApp, type ProbeDeps } from './build-probe-app.ts';
import type { HttpApp, HttpServerDeps } from './http-deps.ts';
import type { ServerLifetime } from './server-lifetime.ts';

const defaultDrainMs = 10_000;
/** After the drain: time for the last answers to leave. */
const farewellMs = 1000;

type ListeningDeps = Pick<HttpServerDeps, 'config' | 'clock' | 'drainMs'>;

/** The HTTP server: listens between `start` and `stop`. */
export class HttpServer implements Service {
  readonly name = 'http';
  readonly #deps: ListeningDeps;
  readonly #buildApp: (lifetime: ServerLifetime) => Promise<HttpApp>;
  #app: HttpApp | undefined;
  #prepared: Promise<HttpApp> | undefined;
  #closing = new AbortController();
  #stopped = new AbortController();

  constructor(deps: ListeningDeps, build: (lifetime: ServerLifetime) => Promise<HttpApp>) {
    this.#deps = deps;
    this.#buildApp = build;
  }

  /** Where it listens, as clients on this machine address it. Error: `not_ready` before `start`. */
  get url(): string {
    const address = this.#app?.server.address();
    if (address === null || address === undefined || typeof address === 'string') {
      throw new AppError('not_ready', 'the HTTP server does not listen');
    }
    const wildcards: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '[::1]' };
    const plain = address.family === 'IPv6' ? `[${address.address}]` : address.address;
    return `http://${wildcards[address.address] ?? plain}:${address.port}`;
  }

  /** Does what takes time and needs none of the parts running: routes, schemas. `start` does it if nobody has. */
  async prepare(): Promise<void> {
    this.#prepared ??= this.#build();
    await this.#prepared;
  }

  async start(): Promise<void> {
    if (this.#app !== undefined) return;
    this.#prepared ??= this.#build();
    this.#app = await this.#prepared;
    this.#prepared = undefined;
    const { API_HOST: host, API_PORT: port } = this.#deps.config;
    await this.#app.listen({ host, port });
  }

  async #build(): Promise<HttpApp> {
    this.#closing = new AbortController();
    this.#stopped = new AbortController();
    const app = await this.#buildApp({ closing: this.#closing.signal, stopped: this.#stopped.signal });
    await app.ready();
    return app;
  }

  /** Takes nothing new and lets answers under way finish; those that do not in time are told to come again. */
  async stop(): Promise<void> {
    const app = this.#app;
    if (app === undefined) return;
    this.#app = undefined;
    const { clock, drainMs = defaultDrainMs } = this.#deps;
    this.#closing.abort();
    const cancelDrain = clock.after(drainMs, () => this.#stopped.abort());
    const cancelFarewell = clock.after(drainMs + farewellMs, () => app.server.closeAllConnections());
    try {
      await app.close();
    } finally {
      cancelDrain();
      cancelFarewell();
    }
  }
}

/** The HTTP server over the given parts. */
export function createHttpServer(deps: HttpServerDeps): HttpServer {
  return new HttpServer(deps, (lifetime) => buildApp({ ...deps, lifetime }));
}

/** A listener of a process without an API: probes, health and metrics only. */
export function createProbeServer(deps: ProbeDeps & Pick<HttpServerDeps, 'clock' | 'drainMs'>): HttpServer {
  return new HttpServer(deps, () => buildProbeApp(deps));
}
