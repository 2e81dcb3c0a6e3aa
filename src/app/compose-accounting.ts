import type { Clock, IdGenerator, Logger } from '../base/index.ts';
import {
  createAccounting,
  createCallerDirectory,
  createFileLimits,
  createLimitDesk,
  createLimitSource,
  createSqlLedger,
  createUsageReports,
  MemoryLedger,
  SqlStoredLimits,
  SqlUsageStore,
  type Ledger,
} from '../capabilities/accounting/index.ts';
import type { Metrics } from '../platform/observability/index.ts';
import { createApiKeyStore } from '../platform/security/index.ts';
import type { Storage } from '../platform/storage/index.ts';
import type { ProjectDefinition } from '../protocol/index.ts';

/** Who may use how much of the models, and what was used. */
export function composeAccounting(parts: {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly ids: IdGenerator;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** What the project says of models, as it is now. */
  readonly settings: () => ProjectDefinition['spec']['models'];
}) {
  const { storage, settings } = parts;
  const apiKeys = createApiKeyStore(parts);
  const callers = createCallerDirectory({ keys: apiKeys });
  const ledger: Ledger = storage.kind === 'postgres' ? createSqlLedger(parts) : new MemoryLedger(parts);
  const rows = new SqlUsageStore({ ...parts, retentionMs: () => settings().usage.retention });
  const stored = new SqlStoredLimits(parts);
  const file = createFileLimits(() => settings().limits);
  const limits = createLimitSource({ stored, file, callers });
  const accounting = createAccounting({ ...parts, ledger, limits, usage: rows });
  return {
    apiKeys,
    callers,
    accounting,
    /** Usage rows that wait for the database. */
    health: () => rows.health(),
    usage: createUsageReports({ storage, flush: () => rows.flush() }),
    limits: createLimitDesk({ stored, file, ledger, keys: apiKeys }),
    /** In the order in which they start, on an open database. */
    services: [stored, rows, accounting],
  };
}
