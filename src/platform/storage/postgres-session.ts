import type { PoolClient } from 'pg';
import { AppError, type Clock } from '../../base/index.ts';
import { toStorageError } from './database-errors.ts';
import { dropConnection } from './drop-connection.ts';
import { sendFirst } from './first-statement.ts';
import type { SqlResult, SqlSession } from './sql-session.ts';
import { planOutdated, type StatementNames } from './statement-names.ts';

interface PostgresSessionDeps {
  readonly clock: Clock;
  readonly names: StatementNames;
  /** Deadline of a statement outside a transaction. */
  readonly statementTimeoutMs: number;
  /** Asks the server to give up what this backend does. */
  readonly cancelBackend: (processId: number) => Promise<void>;
}

// How long a cancelled statement may take to end before its connection is dropped.
const cancelGraceMs = 1_000;

/** A pooled connection between acquire and release. */
export class PostgresSession implements SqlSession {
  readonly #client: PoolClient;
  readonly #deps: PostgresSessionDeps;
  #state: 'usable' | 'cancelled' | 'released' = 'usable';
  #inTransaction = false;
  /** A transaction has been asked for; the server hears of it with the first statement. */
  #mustBegin = false;
  #broken = false;
  #last: Promise<unknown> | undefined;

  constructor(client: PoolClient, deps: PostgresSessionDeps) {
    this.#client = client;
    this.#deps = deps;
  }

  async query(text: string, parameters: readonly unknown[]): Promise<SqlResult> {
    if (this.#state !== 'usable') {
      throw new AppError('storage_unavailable', `The transaction was ${this.#state} before this statement.`);
    }
    if (this.#inTransaction) return this.#run(text, parameters);
    const cancelTimer = this.#deps.clock.after(this.#deps.statementTimeoutMs, () => this.cancel());
    try {
      return await this.#run(text, parameters);
    } finally {
      cancelTimer();
    }
  }

  async begin(statement: string): Promise<void> {
    if (statement === 'begin') this.#mustBegin = true;
    else await this.#run(statement, []);
    this.#inTransaction = true;
  }

  async commit(): Promise<void> {
    if (this.#state !== 'usable') {
      throw new AppError('storage_unavailable', 'The transaction was given up before its commit.');
    }
    const { command } = this.#mustBegin ? { command: 'COMMIT' } : await this.#run('commit', []);
    this.#inTransaction = this.#mustBegin = false;
    // What PostgreSQL answers to a commit of a transaction in which a statement had failed.
    if (command === 'ROLLBACK')
      throw new Error('The transaction was rolled back, because a statement in it had failed.');
  }

  async rollback(): Promise<void> {
    this.#inTransaction = false;
    if (this.#mustBegin) return;
    // A connection that cannot even roll back is dropped at release, which rolls back too.
    await this.#run('rollback', []).catch(() => {
      this.#broken = true;
    });
  }

  release(): void {
    if (this.#state === 'released') return;
    const dropped = this.#broken || this.#inTransaction || this.#state === 'cancelled';
    this.#state = 'released';
    this.#client.release(dropped);
  }

  cancel(): void {
    if (this.#state !== 'usable') return;
    this.#state = 'cancelled';
    const { processID } = this.#client as unknown as { processID: number | null };
    const pending = this.#last;
    if (pending === undefined) return;
    if (processID !== null) this.#deps.cancelBackend(processID).catch(() => {});
    const drop = this.#deps.clock.after(cancelGraceMs, () => {
      if (this.#last === pending) this.#drop();
    });
    pending.then(drop, drop);
  }

  #drop(): void {
    this.#broken = true;
    dropConnection(this.#client);
  }

  // One statement at a time, as the driver wants it, also where a caller starts several in one transaction at once.
  async #run(text: string, parameters: readonly unknown[]): Promise<SqlResult> {
    const before = this.#last;
    const mine =
      before === undefined ? this.#send(text, parameters) : before.then(() => this.#send(text, parameters));
    const settled = mine.then(
      () => {},
      () => {},
    );
    this.#last = settled;
    try {
      return await mine;
    } finally {
      if (this.#last === settled) this.#last = undefined;
    }
  }

  async #send(text: string, parameters: readonly unknown[]): Promise<SqlResult> {
    try {
      const answer = await this.#ask(text, parameters);
      const result = Array.isArray(answer) ? ((answer as (typeof answer)[]).at(-1) ?? answer) : answer;
      return {
        command: result.command,
        rowCount: result.rowCount ?? 0,
        rows: result.rows as SqlResult['rows'],
      };
    } catch (error) {
      const mapped = toStorageError(error);
      if (mapped !== error) this.#broken = true;
      throw mapped;
    }
  }

  async #ask(text: string, parameters: readonly unknown[]) {
    const isFirst = this.#mustBegin;
    this.#mustBegin = false;
    // Without parameters the simple protocol, which also takes several statements.
    if (parameters.length === 0) return this.#client.query(isFirst ? `begin; ${text}` : text);
    const name = this.#deps.names.nameOf(text);
    const values = parameters as unknown[];
    const config = { text, values, ...(name !== undefined && { name }) };
    try {
      return await (isFirst ? sendFirst(this.#client, config) : this.#client.query(config));
    } catch (error) {
      if (name === undefined || (error as { code?: string }).code !== planOutdated) throw error;
      this.#deps.names.forget();
      // Within a transaction it has failed already; the next one knows better.
      if (this.#inTransaction) throw error;
      return this.#client.query(text, values);
    }
  }
}
