import { AppError, type Clock } from '../../base/index.ts';
import { toParameter } from './column-values.ts';
import type { FreeSpaceGuard } from './free-space-guard.ts';
import { toSqlResult, type PgliteClient } from './pglite-client.ts';
import type { PgliteLock } from './pglite-lock.ts';
import type { PgliteRows } from './pglite-messages.ts';
import type { SqlResult, SqlSession } from './sql-session.ts';
import { assertOutsideTransaction } from './transaction-scope.ts';

export interface PgliteSessionDeps {
  readonly client: PgliteClient;
  readonly lock: PgliteLock;
  readonly guard: FreeSpaceGuard | undefined;
  readonly clock: Clock;
  /** Longest time of a statement outside a transaction; inside, the transaction's own deadline counts. */
  readonly statementLimitMs: () => number;
}

const transactionStatementLimitMs = 3_600_000;
const cancelGraceMs = 1_000;

/** Sends one statement (or several without parameters) outside any transaction. */
export async function runPlain(
  deps: PgliteSessionDeps,
  text: string,
  parameters: readonly unknown[],
): Promise<readonly PgliteRows[]> {
  assertOutsideTransaction();
  if (deps.guard !== undefined) await deps.guard.check(text);
  await deps.client.reopened;
  return deps.lock.shared(() =>
    deps.client.run(text, parameters.map(toParameter), false, deps.statementLimitMs()),
  );
}

/** A caller's use of the one connection between acquire and release. */
export class PgliteSession implements SqlSession {
  readonly #deps: PgliteSessionDeps;
  #state: 'usable' | 'cancelled' | 'released' = 'usable';
  /** Set while a transaction is open: the worker it is open in, and how to give the connection back. */
  #transaction: { readonly generation: number; readonly giveBack: () => void } | undefined;
  #underWay = 0;

  constructor(deps: PgliteSessionDeps) {
    this.#deps = deps;
  }

  async query(text: string, parameters: readonly unknown[]): Promise<SqlResult> {
    this.#assertUsable();
    if (this.#transaction === undefined) return toSqlResult(await runPlain(this.#deps, text, parameters));
    if (this.#deps.guard !== undefined) await this.#deps.guard.check(text);
    return this.#send(text, parameters);
  }

  async begin(statement: string): Promise<void> {
    this.#assertUsable();
    const giveBack = await this.#deps.lock.exclusive();
    try {
      await this.#deps.client.reopened;
      this.#assertUsable();
      this.#transaction = { generation: this.#deps.client.generation, giveBack };
      await this.#send(statement, []);
    } catch (error) {
      this.#transaction = undefined;
      giveBack();
      throw error;
    }
  }

  async commit(): Promise<void> {
    this.#assertUsable();
    const { command } = await this.#end('commit');
    // What PostgreSQL answers to a commit of a transaction in which a statement had failed.
    if (command === 'ROLLBACK')
      throw new Error('The transaction was rolled back, because a statement in it had failed.');
  }

  async rollback(): Promise<void> {
    // A worker that is gone has rolled back.
    if (this.#transaction !== undefined) await this.#end('rollback').catch(() => {});
  }

  release(): void {
    this.#state = 'released';
    if (this.#transaction !== undefined) void this.rollback();
  }

  cancel(): void {
    if (this.#state !== 'usable') return;
    this.#state = 'cancelled';
    const generation = this.#transaction?.generation;
    if (generation === undefined || this.#underWay === 0) return;
    // WebAssembly cannot be interrupted; and while it runs, nobody else is served.
    this.#deps.clock.after(cancelGraceMs, () => {
      if (this.#underWay > 0 && this.#deps.client.generation === generation) {
        void this.#deps.client.restart('a statement outlived the deadline of its transaction');
      }
    });
  }

  #assertUsable(): void {
    if (this.#state === 'usable') return;
    throw new AppError('storage_unavailable', `The transaction was ${this.#state} before this statement.`);
  }

  #end(statement: 'commit' | 'rollback'): Promise<SqlResult> {
    const transaction = this.#transaction;
    const ended = this.#send(statement, []);
    this.#transaction = undefined;
    // The worker answers in order, so whoever is next comes after the end of this transaction. A cancelled one may be
    // stuck in a statement: the next waits until that is over, or the worker replaced.
    if (this.#state === 'cancelled') void ended.finally(() => transaction?.giveBack()).catch(() => {});
    else transaction?.giveBack();
    return ended;
  }

  async #send(text: string, parameters: readonly unknown[]): Promise<SqlResult> {
    const { client } = this.#deps;
    if (this.#transaction === undefined || this.#transaction.generation !== client.generation) {
      throw new AppError(
        'storage_unavailable',
        'The transaction was lost: the embedded database was restarted.',
      );
    }
    this.#underWay += 1;
    try {
      return toSqlResult(
        await client.run(text, parameters.map(toParameter), true, transactionStatementLimitMs),
      );
    } finally {
      this.#underWay -= 1;
    }
  }
}
