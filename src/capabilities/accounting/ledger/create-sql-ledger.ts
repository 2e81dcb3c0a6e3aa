import type { Clock, Logger } from '../../../base/index.ts';
import type { Storage } from '../../../platform/storage/index.ts';
import type { Ledger } from '../ledger.ts';
import { GroupCommitLedger } from './group-commit-ledger.ts';
import { SqlLedgerStore } from './sql-ledger-store.ts';

export interface SqlLedgerDeps {
  readonly storage: Pick<Storage, 'db' | 'transaction'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Length of the window of calls and tokens, by default a minute; for tests. */
  readonly windowMs?: number;
}

/** The ledger of several processes on one PostgreSQL. */
export function createSqlLedger(deps: SqlLedgerDeps): Ledger {
  return new GroupCommitLedger({ store: new SqlLedgerStore(deps), clock: deps.clock, logger: deps.logger });
}
