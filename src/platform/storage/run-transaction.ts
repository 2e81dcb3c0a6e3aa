import type { Kysely, Transaction } from 'kysely';
import { AppError, type Clock } from '../../base/index.ts';
import type { Database } from './schema.ts';
import {
  assertOutsideTransaction,
  withTransactionScope,
  type TransactionScope,
} from './transaction-scope.ts';

/** Default of `Storage.transaction`'s `timeoutMs`. */
export const defaultTransactionTimeoutMs = 30_000;

/** One transaction with a deadline: when it passes, the statement under way is given up and all is rolled back. */
export async function runTransaction<T>(
  deps: { db: Kysely<Database>; clock: Clock },
  work: (trx: Transaction<Database>) => Promise<T>,
  timeoutMs: number,
): Promise<T> {
  assertOutsideTransaction();
  const scope: TransactionScope = { open: true, cancel: undefined };
  return withTransactionScope(scope, async () => {
    const late = Promise.withResolvers<never>();
    // Nobody may be racing it yet when it rejects.
    late.promise.catch(() => {});
    const cancelTimer = deps.clock.after(timeoutMs, () => {
      late.reject(
        new AppError(
          'storage_unavailable',
          `The transaction did not end within ${timeoutMs} ms; rolled back.`,
        ),
      );
      scope.cancel?.();
    });
    try {
      const committed = deps.db.transaction().execute((trx) => Promise.race([work(trx), late.promise]));
      committed.catch(() => {});
      return await Promise.race([committed, late.promise]);
    } finally {
      cancelTimer();
      scope.open = false;
    }
  });
}
