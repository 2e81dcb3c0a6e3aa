import { silentLogger as logger, systemClock as clock } from '../../../base/index.ts';
import { ledgerContract } from '../../../testing/contracts/ledger-contract.ts';
import { createSqlLedger } from './create-sql-ledger.ts';
import { MemoryLedger } from './memory-ledger.ts';
import { MemoryStorage } from '../../../testing/memory-storage.ts';

const windowMs = 1200;
const now = async (): Promise<number> => clock.now();

ledgerContract(
  'memory, without a database',
  async () => ({
    create: () => new MemoryLedger({ clock, logger, windowMs }),
    windowMs,
    now,
    dispose: async () => {},
  }),
  { isShared: false, isKept: false },
);

ledgerContract(
  'memory on PGlite',
  async () => {
    const storage = new MemoryStorage();
    await storage.start();
    return {
      create: () => new MemoryLedger({ clock, logger, storage, windowMs }),
      windowMs,
      now,
      dispose: () => storage.stop(),
    };
  },
  { isShared: false, isKept: true },
);

ledgerContract(
  'tables on PGlite',
  async () => {
    const storage = new MemoryStorage();
    await storage.start();
    return {
      create: () => createSqlLedger({ storage, clock, logger, windowMs }),
      windowMs,
      now,
      dispose: () => storage.stop(),
    };
  },
  { isShared: true, isKept: true },
);
