import { Client, type ClientConfig } from 'pg';
import type { Clock, Logger } from '../../base/index.ts';
import { dropConnection, endWithin } from './drop-connection.ts';
import type { Subscription } from './storage.ts';

interface Listener {
  readonly onNotification: (payload: string) => void;
  readonly onReconnect: () => void;
}

interface PostgresListenerDeps {
  readonly config: ClientConfig;
  readonly clock: Clock;
  readonly logger: Logger;
}

const firstBackoffMs = 100;
const longestBackoffMs = 5_000;
const endLimitMs = 2_000;
const heartbeatMs = 10_000;

/** One connection that only listens, for all channels; it comes back by itself and says so. */
export class PostgresListener {
  readonly #deps: PostgresListenerDeps;
  readonly #channels = new Map<string, Set<Listener>>();
  #client: Client | undefined;
  #connecting: Promise<void> | undefined;
  #stopped = false;
  #failures = 0;
  #cancelTimer = (): void => {};

  constructor(deps: PostgresListenerDeps) {
    this.#deps = deps;
  }

  /** Resolves when the server has the subscription. */
  async listen(channel: string, listener: Listener): Promise<Subscription> {
    const listeners = this.#channels.get(channel) ?? new Set();
    const isNew = listeners.size === 0;
    listeners.add(listener);
    this.#channels.set(channel, listeners);
    await this.#connect();
    if (isNew) await this.#client?.query(`listen "${channel}"`);
    return {
      close: async () => {
        if (!listeners.delete(listener) || listeners.size > 0) return;
        this.#channels.delete(channel);
        await this.#client?.query(`unlisten "${channel}"`).catch(() => {});
      },
    };
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer();
    const client = this.#client;
    this.#client = undefined;
    this.#channels.clear();
    await this.#connecting?.catch(() => {});
    if (client === undefined) return;
    client.removeAllListeners('end');
    const ending = client.end().catch(() => {});
    await endWithin({ clock: this.#deps.clock, limitMs: endLimitMs }, ending, [client]);
  }

  #connect(): Promise<void> {
    if (this.#client !== undefined) return Promise.resolve();
    this.#connecting ??= this.#open().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #open(): Promise<void> {
    const client = new Client({ ...this.#deps.config, keepAlive: true });
    // Without a listener an error of an idle connection would end the process.
    client.on('error', () => this.#lost(client));
    client.on('end', () => this.#lost(client));
    client.on('notification', ({ channel, payload }) => {
      for (const listener of this.#channels.get(channel) ?? []) listener.onNotification(payload ?? '');
    });
    try {
      await client.connect();
      for (const channel of this.#channels.keys()) await client.query(`listen "${channel}"`);
    } catch (error) {
      client.removeAllListeners('end');
      await client.end().catch(() => {});
      throw error;
    }
    if (this.#stopped) {
      await client.end().catch(() => {});
      return;
    }
    this.#client = client;
    this.#failures = 0;
    this.#scheduleHeartbeat(client);
  }

  #lost(client: Client): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    this.#deps.logger.warn({}, 'the listening connection to the database was lost');
    dropConnection(client);
    this.#scheduleReconnect();
  }

  #scheduleReconnect(): void {
    this.#cancelTimer();
    if (this.#stopped) return;
    const delay = Math.min(longestBackoffMs, firstBackoffMs * 2 ** Math.min(this.#failures, 10));
    this.#failures += 1;
    this.#cancelTimer = this.#deps.clock.after(delay, () => {
      this.#connect().then(
        () => {
          for (const listeners of this.#channels.values())
            for (const { onReconnect } of listeners) onReconnect();
        },
        () => this.#scheduleReconnect(),
      );
    });
  }

  // Finds a connection that died without a word: no answer within one interval is a loss.
  #scheduleHeartbeat(client: Client): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#deps.clock.after(heartbeatMs, () => {
      if (this.#client !== client || this.#stopped) return;
      this.#cancelTimer = this.#deps.clock.after(heartbeatMs, () => this.#lost(client));
      client.query('select 1').then(
        () => this.#client === client && this.#scheduleHeartbeat(client),
        () => this.#lost(client),
      );
    });
  }
}
