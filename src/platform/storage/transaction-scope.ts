import { AsyncLocalStorage } from 'node:async_hooks';
import { AppError } from '../../base/index.ts';

/** What one `Storage.transaction` knows about itself while its callback runs. */
export interface TransactionScope {
  open: boolean;
  /** Set by the driver once the transaction has its session: gives up the statement under way. */
  cancel: (() => void) | undefined;
}

const scopes = new AsyncLocalStorage<TransactionScope>();

/** Runs `work` inside a scope, so that the driver recognises statements which bypass the transaction. */
export function withTransactionScope<T>(scope: TransactionScope, work: () => Promise<T>): Promise<T> {
  return scopes.run(scope, work);
}

/** The scope whose session is still to be acquired, if any. A second session inside an open transaction is refused. */
export function claimTransactionScope(): TransactionScope | undefined {
  const scope = scopes.getStore();
  if (!scope?.open) return undefined;
  if (scope.cancel === undefined) return scope;
  // On one connection this would wait for ever; on a pool it would until that is empty. Refused on both alike.
  throw new AppError(
    'internal',
    'storage.db was used inside an open transaction; use the transaction object that the callback received.',
  );
}

/** Refuses a statement of a library that bypasses the open transaction of the same async context. */
export function assertOutsideTransaction(): void {
  const scope = scopes.getStore();
  if (scope?.open && scope.cancel !== undefined) claimTransactionScope();
}
