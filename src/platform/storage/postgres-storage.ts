import { Kysely, sql } from 'kysely';
import { Pool, type ClientBase, type ClientConfig, type PoolConfig } from 'pg';
import type { Db } from 'pg-boss';
import type { Transaction } from 'kysely';
import { AppError, type Clock, type HealthReport, type Logger } from '../../base/index.ts';
import { columnParser } from './column-values.ts';
import { sqlState, toStorageError } from './database-errors.ts';
import { endWithin } from './drop-connection.ts';
import { migrateUp } from './migrate.ts';
import { PostgresListener } from './postgres-listener.ts';
import { PostgresSession } from './postgres-session.ts';
import { normalizePostgresUrl } from './postgres-url.ts';
import { defaultTransactionTimeoutMs, runTransaction } from './run-transaction.ts';
import type { Database } from './schema.ts';
import { isRepeatable, planOutdated, StatementNames } from './statement-names.ts';
import { createStorageDialect } from './storage-dialect.ts';
import type { Executor, Storage, Subscription } from './storage.ts';
import { assertOutsideTransaction } from './transaction-scope.ts';

export interface PostgresStorageDeps {
  readonly url: string;
  readonly poolSize: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Brings the tables up to date at start. */
  readonly migrate: boolean;
}

const connectTimeoutMs = 5_000;
const statementTimeoutMs = 60_000;
const migrationTimeoutMs = 3_600_000;
const endLimitMs = 5_000;
const bossPoolSize = 3;
const bossStatementTimeoutMs = 120_000;

/** PostgreSQL behind a pool, a second small pool for the queue and one connection that listens. */
export class PostgresStorage implements Storage {
  readonly name = 'storage';
  readonly kind = 'postgres';
  readonly bossDatabase: Db;
  readonly #deps: PostgresStorageDeps;
  readonly #config: ClientConfig;
  readonly #clients = new Set<ClientBase>();
  #pool: Pool | undefined;
  #bossPool: Pool | undefined;
  #listener: PostgresListener | undefined;
  #db: Kysely<Database> | undefined;
  readonly #names = new StatementNames();
  #statementTimeoutMs = statementTimeoutMs;

  constructor(deps: PostgresStorageDeps) {
    this.#deps = deps;
    this.#config = {
      connectionString: normalizePostgresUrl(deps.url),
      connectionTimeoutMillis: connectTimeoutMs,
      keepAlive: true,
      application_name: 'agent33',
      types: { getTypeParser: columnParser as never },
    };
    this.bossDatabase = { executeSql: (text, values) => this.#executeForBoss(text, values) };
  }

  get db(): Kysely<Database> {
    if (this.#db === undefined) throw new AppError('not_ready', 'The database is not open.');
    return this.#db;
  }

  async start(): Promise<void> {
    if (this.#db !== undefined) return;
    this.#pool = this.#createPool(this.#deps.poolSize);
    this.#bossPool = this.#createPool(bossPoolSize, { query_timeout: bossStatementTimeoutMs });
    this.#listener = new PostgresListener({
      config: this.#config,
      clock: this.#deps.clock,
      logger: this.#deps.logger,
    });
    const db = new Kysely<Database>({ dialect: createStorageDialect({ acquire: () => this.#acquire() }) });
    this.#db = db;
    await sql`select 1`.execute(db);
    if (!this.#deps.migrate) return;
    this.#statementTimeoutMs = migrationTimeoutMs;
    try {
      await migrateUp(this);
    } finally {
      this.#statementTimeoutMs = statementTimeoutMs;
    }
  }

  async stop(): Promise<void> {
    const [pool, bossPool, listener] = [this.#pool, this.#bossPool, this.#listener];
    this.#pool = this.#bossPool = this.#listener = this.#db = undefined;
    const ending = Promise.all([listener?.stop(), pool?.end(), bossPool?.end()]).then(() => {});
    await endWithin({ clock: this.#deps.clock, limitMs: endLimitMs }, ending, this.#clients);
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
    if (this.#listener === undefined) throw new AppError('not_ready', 'The database is not open.');
    try {
      return await this.#listener.listen(channel, { onNotification, onReconnect });
    } catch (error) {
      throw toStorageError(error);
    }
  }

  async notify(executor: Executor, channel: string, payload: string): Promise<void> {
    await sql`select pg_notify(${channel}, ${payload})`.execute(executor);
  }

  async health(signal: AbortSignal): Promise<HealthReport> {
    const pool = this.#pool;
    if (pool === undefined) return { status: 'down', detail: 'PostgreSQL is not connected.' };
    const aborted = Promise.withResolvers<never>();
    let session: PostgresSession | undefined;
    const onAbort = (): void => {
      session?.cancel();
      aborted.reject(new Error('no answer in time'));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    const asking = async (): Promise<void> => {
      session = await this.#acquire();
      await session.query('select 1', []).finally(() => session?.release());
    };
    try {
      const asked = asking();
      asked.catch(() => {});
      await Promise.race([asked, aborted.promise]);
      return {
        status: 'ok',
        detail: 'PostgreSQL answers.',
        metrics: { connections: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount },
      };
    } catch {
      return { status: 'down', detail: 'PostgreSQL does not answer.' };
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  #createPool(max: number, options: PoolConfig = {}): Pool {
    const pool = new Pool({ ...this.#config, ...options, max, idleTimeoutMillis: 30_000 });
    pool.on('error', (error) => {
      this.#deps.logger.warn({ error: error.message }, 'an idle database connection was lost');
    });
    // While a connection is checked out the pool does not listen, and an unheard error would end the process. The
    // statement under way reports it.
    pool.on('connect', (client) => {
      client.on('error', () => {});
      this.#clients.add(client);
    });
    pool.on('remove', (client) => this.#clients.delete(client));
    return pool;
  }

  async #acquire(): Promise<PostgresSession> {
    const pool = this.#pool;
    if (pool === undefined) throw new AppError('not_ready', 'The database is not open.');
    try {
      return new PostgresSession(await pool.connect(), {
        clock: this.#deps.clock,
        names: this.#names,
        statementTimeoutMs: this.#statementTimeoutMs,
        cancelBackend: async (processId) => {
          await this.#bossPool?.query('select pg_cancel_backend($1)', [processId]);
        },
      });
    } catch (error) {
      throw toStorageError(error);
    }
  }

  async #executeForBoss(text: string, values?: unknown[]): Promise<{ rows: unknown[] }> {
    assertOutsideTransaction();
    if (this.#bossPool === undefined) throw new AppError('not_ready', 'The database is not open.');
    try {
      const name = values?.length || isRepeatable(text) ? this.#names.nameOf(text) : undefined;
      const result = await (name === undefined && !values?.length
        ? this.#bossPool.query(text)
        : this.#bossPool.query({ text, values: values ?? [], ...(name === undefined ? {} : { name }) }));
      const results = Array.isArray(result) ? (result as (typeof result)[]) : [result];
      return { rows: results.flatMap(({ rows }) => rows as unknown[]) };
    } catch (error) {
      if (sqlState(error) === planOutdated) this.#names.forget();
      throw toStorageError(error);
    }
  }
}
