import type { Kysely, KyselyPlugin, Transaction } from 'kysely';
import { createIdGenerator, silentLogger, systemClock, type HealthReport } from '../../../src/base/index.ts';
import { defaultRunEngineSettings, RunEngine, type RunExecutor } from '../../../src/engine/runs/index.ts';
import { TableBlobStore } from '../../../src/platform/blobs/index.ts';
import { createMetrics } from '../../../src/platform/observability/index.ts';
import { PgBossQueue } from '../../../src/platform/queue/index.ts';
import type { Database, Executor, Storage, Subscription } from '../../../src/platform/storage/index.ts';

/** Short: only one of them is alive at a time, so that nobody takes a job from a slow one. */
const leaseMs = 100;

class Died extends Error {}

/** A database as a process sees it that can die: from then on nothing of it reaches the database any more. */
class MortalStorage implements Storage {
  readonly name = 'storage';
  readonly kind: Storage['kind'];
  readonly bossDatabase: Storage['bossDatabase'];
  readonly db: Kysely<Database>;
  readonly #of: Storage;
  isDead = false;

  constructor(of: Storage) {
    this.#of = of;
    this.kind = of.kind;
    const plugin: KyselyPlugin = {
      transformQuery: ({ node }) => {
        this.assertAlive();
        return node;
      },
      transformResult: ({ result }) => Promise.resolve(result),
    };
    this.db = of.db.withPlugin(plugin);
    this.bossDatabase = {
      executeSql: async (text, values) => {
        this.assertAlive();
        return of.bossDatabase.executeSql(text, values);
      },
    };
  }

  assertAlive(): void {
    if (this.isDead) throw new Died('this process is dead');
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }

  async transaction<T>(
    work: (trx: Transaction<Database>) => Promise<T>,
    options?: { timeoutMs?: number },
  ): Promise<T> {
    this.assertAlive();
    return this.#of.transaction(async (trx) => {
      const result = await work(trx);
      // Who dies before the commit has done nothing.
      this.assertAlive();
      return result;
    }, options);
  }

  listen(
    channel: string,
    onNotification: (payload: string) => void,
    onReconnect: () => void,
  ): Promise<Subscription> {
    return this.#of.listen(channel, (payload) => this.isDead || onNotification(payload), onReconnect);
  }

  async notify(executor: Executor, channel: string, payload: string): Promise<void> {
    this.assertAlive();
    return this.#of.notify(executor, channel, payload);
  }

  health(signal: AbortSignal): Promise<HealthReport> {
    return this.#of.health(signal);
  }
}

/**
 * An engine with a queue of its own that dies when a failpoint says so: what it has not written it never will, and what it
 * would do outside it does not do any more. Another one on the same database is its successor.
 */
export class MortalProcess {
  readonly engine: RunEngine;
  /** Resolves when it has died. */
  readonly died: Promise<void>;
  readonly #storage: MortalStorage;
  readonly #queue: PgBossQueue;
  readonly #tellDeath: () => void;

  /** `dies`: asked at each failpoint. */
  constructor(parts: { storage: Storage; executor: RunExecutor; dies: (failpoint: string) => boolean }) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.died = promise;
    this.#tellDeath = resolve;
    const base = { clock: systemClock, logger: silentLogger };
    const storage = new MortalStorage(parts.storage);
    this.#storage = storage;
    this.#queue = new PgBossQueue({ ...base, storage, leaseMs });
    this.engine = new RunEngine({
      ...base,
      storage,
      queue: this.#queue,
      blobs: new TableBlobStore({ storage, clock: systemClock }),
      ids: createIdGenerator(systemClock.now),
      metrics: createMetrics({ version: 'test', processMetrics: false }),
      executors: { agent: parts.executor },
      settings: { ...defaultRunEngineSettings, leaseMs, drainMs: 0, maxCrashes: 1000 },
      failpoint: (name) => {
        storage.assertAlive();
        if (parts.dies(name)) this.die();
      },
    });
  }

  get isDead(): boolean {
    return this.#storage.isDead;
  }

  async start(): Promise<void> {
    await this.#queue.start();
    await this.engine.start();
  }

  /** Ends it as `kill -9` does. Throws, so that whoever asked for it does not go on. */
  die(): never {
    this.#storage.isDead = true;
    this.#tellDeath();
    throw new Died('this process dies');
  }

  /**
   * Stops what is left of it in this process: its timers. It may die while it stops; nobody waits for what a dead one would
   * still like to write.
   */
  async bury(): Promise<void> {
    const stopped = (async () => {
      // Of a dead one both at once: its engine waits for jobs that only the end of the queue lets go of.
      const engine = this.engine.stop().catch(() => {});
      await Promise.race([engine, this.died]);
      await this.#queue.stop().catch(() => {});
      await engine;
    })();
    await Promise.race([stopped, this.died]);
  }
}
