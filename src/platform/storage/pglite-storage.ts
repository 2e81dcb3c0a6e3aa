import { statfs } from 'node:fs/promises';
import { Kysely, sql, type Transaction } from 'kysely';
import type { Db } from 'pg-boss';
import { AppError, type Clock, type HealthReport, type Logger } from '../../base/index.ts';
import { prepareDataFolder } from './data-folder.ts';
import { lockFolder } from './folder-lock.ts';
import { FreeSpaceGuard } from './free-space-guard.ts';
import { migrateUp } from './migrate.ts';
import { PgliteClient, readRows } from './pglite-client.ts';
import { PgliteLock } from './pglite-lock.ts';
import type { PgliteWorkerData } from './pglite-messages.ts';
import { PgliteSession, runPlain, type PgliteSessionDeps } from './pglite-session.ts';
import { defaultTransactionTimeoutMs, runTransaction } from './run-transaction.ts';
import type { Database } from './schema.ts';
import { createStorageDialect } from './storage-dialect.ts';
import type { Executor, Storage, Subscription } from './storage.ts';
import { findTemplate, unpackTemplate } from './template.ts';

export interface PgliteStorageDeps {
  /** Folder for the database and its lock; undefined keeps everything in memory, for tests. */
  readonly folder: string | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Brings the tables up to date at start. */
  readonly migrate: boolean;
  /** Begin an empty database from the packed template, if there is one. Default yes. */
  readonly useTemplate?: boolean;
  /** A plain statement that takes longer is given up, with its worker. Default 30,000. */
  readonly statementLimitMs?: number;
  /** Free bytes on the folder's disk; default asks the system. */
  readonly freeBytes?: () => Promise<number>;
}

const defaultStatementLimitMs = 30_000;
const migrationLimitMs = 3_600_000;
const closeLimitMs = 30_000;
const slowAfterMs = 2_000;

interface Listener {
  readonly onNotification: (payload: string) => void;
  readonly onReconnect: () => void;
}

/** PostgreSQL inside this process: one folder, one connection, in a thread of its own. */
export class PgliteStorage implements Storage {
  readonly name = 'storage';
  readonly kind = 'pglite';
  readonly bossDatabase: Db;
  readonly #deps: PgliteStorageDeps;
  readonly #client: PgliteClient;
  readonly #lock = new PgliteLock();
  readonly #guard: FreeSpaceGuard | undefined;
  readonly #channels = new Map<string, Set<Listener>>();
  readonly #sessionDeps: PgliteSessionDeps;
  #workerData: PgliteWorkerData = { dataDir: undefined, template: undefined };
  #statementLimitMs: number;
  #db: Kysely<Database> | undefined;
  #unlockFolder: (() => Promise<void>) | undefined;

  constructor(deps: PgliteStorageDeps) {
    this.#deps = deps;
    const { clock, logger, folder } = deps;
    this.#statementLimitMs = deps.statementLimitMs ?? defaultStatementLimitMs;
    this.#client = new PgliteClient({
      clock,
      logger,
      workerData: () => this.#workerData,
      onRestart: () => void this.#listenAgain(),
      onNotification: (channel, payload) => {
        for (const listener of this.#channels.get(channel) ?? []) listener.onNotification(payload);
      },
    });
    const freeBytes = deps.freeBytes ?? (folder === undefined ? undefined : () => freeBytesOf(folder));
    this.#guard = freeBytes === undefined ? undefined : new FreeSpaceGuard({ clock, freeBytes });
    this.#sessionDeps = {
      client: this.#client,
      lock: this.#lock,
      guard: this.#guard,
      clock,
      statementLimitMs: () => this.#statementLimitMs,
    };
    this.bossDatabase = { executeSql: (text, values) => this.#executeForBoss(text, values) };
  }

  get db(): Kysely<Database> {
    if (this.#db === undefined) throw new AppError('not_ready', 'The database is not open.');
    return this.#db;
  }

  async start(): Promise<void> {
    if (this.#db !== undefined) return;
    const template = (this.#deps.useTemplate ?? true) ? await findTemplate() : undefined;
    let markCreated = async (): Promise<void> => {};
    if (this.#deps.folder === undefined) {
      this.#workerData = { dataDir: undefined, template };
    } else {
      this.#unlockFolder = await lockFolder(this.#deps.folder, this.#deps.clock.now());
      const folder = await prepareDataFolder(this.#deps.folder);
      this.#workerData = { dataDir: folder.dataDir, template: undefined };
      if (folder.isNew && template !== undefined) await unpackTemplate(template, folder.dataDir);
      markCreated = folder.markCreated;
    }
    await this.#client.open();
    this.#workerData = { ...this.#workerData, template: undefined };
    this.#db = new Kysely<Database>({
      dialect: createStorageDialect({ acquire: async () => new PgliteSession(this.#sessionDeps) }),
    });
    if (this.#deps.migrate) await this.#migrate();
    await markCreated();
  }

  async stop(): Promise<void> {
    this.#lock.rejectWaiting('The embedded database is closing.');
    await this.#client.close(closeLimitMs);
    this.#db = undefined;
    this.#channels.clear();
    const unlock = this.#unlockFolder;
    this.#unlockFolder = undefined;
    await unlock?.();
  }

  transaction<T>(
    work: (trx: Transaction<Database>) => Promise<T>,
    options: { timeoutMs?: number } = {},
  ): Promise<T> {
    const timeoutMs = options.timeoutMs ?? defaultTransactionTimeoutMs;
    return runTransaction({ db: this.db, clock: this.#deps.clock }, work, timeoutMs);
  }

  async listen(
    channel: string,
    onNotification: (payload: string) => void,
    onReconnect: () => void,
  ): Promise<Subscription> {
    const listener: Listener = { onNotification, onReconnect };
    const listeners = this.#channels.get(channel) ?? new Set();
    const isNew = listeners.size === 0;
    listeners.add(listener);
    this.#channels.set(channel, listeners);
    if (isNew) await runPlain(this.#sessionDeps, `listen "${channel}"`, []);
    return {
      close: async () => {
        if (!listeners.delete(listener) || listeners.size > 0) return;
        this.#channels.delete(channel);
        await runPlain(this.#sessionDeps, `unlisten "${channel}"`, []).catch(() => {});
      },
    };
  }

  async notify(executor: Executor, channel: string, payload: string): Promise<void> {
    await sql`select pg_notify(${channel}, ${payload})`.execute(executor);
  }

  async health(): Promise<HealthReport> {
    const { state, busyForMs } = this.#client;
    const metrics = { busyForMs };
    if (state !== 'open') return { status: 'down', detail: `The embedded database is ${state}.`, metrics };
    if (this.#guard?.isFull)
      return { status: 'degraded', detail: 'The disk is nearly full; writes are refused.', metrics };
    if (busyForMs > slowAfterMs) return { status: 'degraded', detail: 'A statement takes long.', metrics };
    return { status: 'ok', detail: 'The embedded database answers.', metrics };
  }

  /** The packed data folder (tar, gzip), for backups and the template. */
  dump(): Promise<Uint8Array> {
    return this.#client.dump(migrationLimitMs);
  }

  async #migrate(): Promise<void> {
    const limit = this.#statementLimitMs;
    this.#statementLimitMs = migrationLimitMs;
    try {
      await migrateUp(this);
    } finally {
      this.#statementLimitMs = limit;
    }
  }

  async #listenAgain(): Promise<void> {
    for (const [channel, listeners] of this.#channels) {
      try {
        await runPlain(this.#sessionDeps, `listen "${channel}"`, []);
      } catch (error) {
        this.#deps.logger.warn({ channel, error: String(error) }, 'could not listen again after a restart');
      }
      for (const { onReconnect } of listeners) onReconnect();
    }
  }

  async #executeForBoss(text: string, values: unknown[] = []): Promise<{ rows: unknown[] }> {
    const results = await runPlain(this.#sessionDeps, text, values);
    return { rows: results.flatMap(readRows) };
  }
}

async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
