import { join } from 'node:path';
import type { Clock, Logger } from '../../base/index.ts';
import type { Config } from '../config/index.ts';
import { PgliteStorage } from './pglite-storage.ts';
import { PostgresStorage } from './postgres-storage.ts';
import type { Storage } from './storage.ts';

export interface CreateStorageDeps {
  readonly config: Pick<Config, 'DATABASE_URL' | 'DATABASE_POOL_SIZE' | 'homeDir'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Brings the tables up to date at start. Default yes. */
  readonly migrate?: boolean;
}

/** The storage that the configuration asks for: PostgreSQL with DATABASE_URL, else the embedded one in AGENT33_HOME. */
export function createStorage({ config, clock, logger, migrate = true }: CreateStorageDeps): Storage {
  if (config.DATABASE_URL !== undefined) {
    return new PostgresStorage({
      url: config.DATABASE_URL,
      poolSize: config.DATABASE_POOL_SIZE,
      clock,
      logger,
      migrate,
    });
  }
  return new PgliteStorage({ folder: join(config.homeDir, 'database'), clock, logger, migrate });
}
