import type { NatsConnection } from '@nats-io/transport-node';
import { AppError, withDeadline, type Clock, type HealthReport, type Logger } from '../../../base/index.ts';
import { FirstConnection } from '../broker-line.ts';
import { pauseMs } from '../pause.ts';

export interface NatsLineDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** `nats://user:password@host:4222`, `tls://` for TLS. */
  readonly url: string;
}

const firstWaitMs = 5000;
const answerLimitMs = 5000;
const pingMs = 10_000;

/** One connection to NATS by its own library, which is loaded at `start`. It comes back by itself. */
export class NatsLine {
  readonly #deps: NatsLineDeps;
  readonly #first: FirstConnection;
  readonly #waiting = new Set<(connection: NatsConnection) => void>();
  #isRunning = false;
  #connection: NatsConnection | undefined;
  #isUp = false;
  #failures = 0;

  constructor(deps: NatsLineDeps) {
    this.#deps = deps;
    this.#first = new FirstConnection(deps, 'NATS');
  }

  /** Resolves without a connection too, after 5 s of trying. Error: `invalid_config` when NATS refuses the user. */
  async start(): Promise<void> {
    if (this.#isRunning) return;
    await this.#first.begin(() => this.#connect());
    this.#isRunning = true;
  }

  async #connect(): Promise<void> {
    const { connect } = await import('@nats-io/transport-node');
    const { hostname, port, protocol, username, password } = new URL(this.#deps.url);
    try {
      this.#connection = await connect({
        servers: `${hostname}:${port === '' ? '4222' : port}`,
        name: 'agent33',
        timeout: firstWaitMs,
        maxReconnectAttempts: -1,
        ignoreAuthErrorAbort: true,
        pingInterval: pingMs,
        reconnectDelayHandler: () => pauseMs((this.#failures += 1)),
        ...(protocol === 'tls:' ? { tls: {} } : {}),
        ...loginOf(decodeURIComponent(username), decodeURIComponent(password)),
      });
    } catch (error) {
      const isRefused = error instanceof Error && /authoriz|authentic/i.test(error.message);
      throw isRefused
        ? new AppError('invalid_config', 'NATS refuses the user or password of NATS_URL.')
        : unavailable(error);
    }
    this.#isUp = true;
    void this.#watch(this.#connection);
    for (const begin of this.#waiting) begin(this.#connection);
    this.#waiting.clear();
  }

  /** Hands the connection over: now, or as soon as there is one. Its library keeps what was begun on it. */
  whenOpen(begin: (connection: NatsConnection) => void): void {
    if (this.#connection === undefined) this.#waiting.add(begin);
    else begin(this.#connection);
  }

  /** Sends what waits, lets subscriptions finish what came for them, and closes. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    await this.#first.end();
    this.#waiting.clear();
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection === undefined || connection.isClosed()) return;
    const { signal, clear } = withDeadline(this.#deps.clock, answerLimitMs);
    const late = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    if (this.#isUp) await Promise.race([connection.drain().catch(() => {}), late]);
    clear();
    if (!connection.isClosed()) await connection.close().catch(() => {});
  }

  /** Error: `not_ready`, `storage_unavailable` while the connection is away. */
  get connection(): NatsConnection {
    if (this.#connection !== undefined) return this.#connection;
    if (this.#isRunning) throw unavailable();
    throw new AppError('not_ready', 'The connection to NATS is not open.');
  }

  /** Error: `storage_unavailable` while NATS is away, for what must not wait until it is back. */
  assertUp(): void {
    if (!this.#isUp) throw unavailable();
  }

  /** As `connection`, for what must not wait until NATS is back. */
  get live(): NatsConnection {
    const { connection } = this;
    if (!this.#isUp) throw unavailable();
    return connection;
  }

  async health(signal: AbortSignal): Promise<HealthReport> {
    if (this.#connection === undefined || !this.#isUp) return this.#first.report();
    const late = new Promise<'late'>((resolve) => {
      signal.addEventListener('abort', () => resolve('late'), { once: true });
    });
    const answered = await Promise.race([
      this.#connection.flush().then(
        () => 'ok',
        () => 'late',
      ),
      late,
    ]);
    return answered === 'ok' ? { status: 'ok', detail: 'NATS answers.' } : this.#first.report();
  }

  async #watch(connection: NatsConnection): Promise<void> {
    const { logger } = this.#deps;
    for await (const { type } of connection.status()) {
      if (type === 'disconnect' && this.#isUp) {
        this.#isUp = false;
        logger.warn({}, 'the connection to NATS was lost; it is tried again');
      }
      if (type === 'reconnect') {
        this.#isUp = true;
        this.#failures = 0;
        logger.info({}, 'NATS answers again');
      }
    }
  }
}

/** What the caller is told while NATS is away. */
export function unavailable(cause?: unknown): AppError {
  return new AppError('storage_unavailable', 'NATS cannot be reached.', cause === undefined ? {} : { cause });
}

function loginOf(user: string, password: string): { user?: string; pass?: string; token?: string } {
  if (user === '') return {};
  return password === '' ? { token: user } : { user, pass: password };
}
