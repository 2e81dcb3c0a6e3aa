import {
  CompiledQuery,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  type TransactionSettings,
} from 'kysely';
import { storable } from '../../base/index.ts';
import type { SqlSession, SqlSource } from './sql-session.ts';
import { claimTransactionScope } from './transaction-scope.ts';

const counted = new Set(['INSERT', 'UPDATE', 'DELETE', 'MERGE']);

/** No text of PostgreSQL holds a NUL; a name with one is a name that nothing has. */
const holdable = (parameter: unknown): unknown =>
  typeof parameter === 'string' || Array.isArray(parameter) ? storable(parameter) : parameter;

class SessionConnection implements DatabaseConnection {
  readonly session: SqlSession;

  constructor(session: SqlSession) {
    this.session = session;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const result = await this.session.query(query.sql, query.parameters.map(holdable));
    const rows = result.rows as R[];
    return counted.has(result.command) ? { rows, numAffectedRows: BigInt(result.rowCount) } : { rows };
  }

  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    yield* [];
    throw new Error('Streaming is not offered, because the embedded database cannot; page by key.');
  }
}

const sessionOf = (connection: DatabaseConnection): SqlSession => (connection as SessionConnection).session;
const savepoint = (command: string, name: string): CompiledQuery =>
  CompiledQuery.raw(`${command} "${name.replaceAll('"', '""')}"`);

class SessionDriver implements Driver {
  readonly #source: SqlSource;

  constructor(source: SqlSource) {
    this.#source = source;
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    const scope = claimTransactionScope();
    const session = await this.#source.acquire();
    if (scope !== undefined) scope.cancel = () => session.cancel();
    return new SessionConnection(session);
  }

  async beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    const parts = ['begin'];
    if (settings.isolationLevel !== undefined) parts.push(`isolation level ${settings.isolationLevel}`);
    if (settings.accessMode !== undefined) parts.push(settings.accessMode);
    await sessionOf(connection).begin(parts.join(' '));
  }

  commitTransaction(connection: DatabaseConnection): Promise<void> {
    return sessionOf(connection).commit();
  }

  rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    return sessionOf(connection).rollback();
  }

  async savepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await connection.executeQuery(savepoint('savepoint', name));
  }

  async rollbackToSavepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await connection.executeQuery(savepoint('rollback to', name));
  }

  async releaseSavepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await connection.executeQuery(savepoint('release', name));
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    sessionOf(connection).release();
  }

  async destroy(): Promise<void> {}
}

/**
 * Kysely on our sessions, the same code for both backends. Kysely's own PGlite driver would hold every caller behind
 * one mutex and hang for ever where `db` is used inside a transaction; this one pipelines and refuses.
 */
export function createStorageDialect(source: SqlSource): Dialect {
  return {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new SessionDriver(source),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  };
}
