import { sql } from 'kysely';
import { silentLogger, systemClock } from '../../src/base/index.ts';
import { PgliteStorage } from '../../src/platform/storage/index.ts';

interface Shared {
  readonly storage: PgliteStorage;
  /** Tables that a fresh database has nothing in. */
  readonly tables: readonly string[];
}

let opened: Promise<Shared> | undefined;

/** A database in memory, the same for all tests of a file: opening one takes longer than most tests. Each time it is empty. */
export async function sharedMemoryDatabase(): Promise<PgliteStorage> {
  if (opened === undefined) {
    opened = open();
    return (await opened).storage;
  }
  const { storage, tables } = await opened;
  await sql.raw(`truncate ${tables.join(', ')} cascade`).execute(storage.db);
  return storage;
}

async function open(): Promise<Shared> {
  const storage = new PgliteStorage({
    clock: systemClock,
    logger: silentLogger,
    migrate: true,
    folder: undefined,
  });
  await storage.start();
  const { rows } = await sql<{ name: string }>`
    select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and not c.relispartition and n.nspname not in ('pg_catalog', 'information_schema')
      and (xpath('/row/c/text()', query_to_xml(format('select count(*) as c from %I.%I', n.nspname, c.relname),
        false, true, '')))[1]::text = '0'`.execute(storage.db);
  return { storage, tables: rows.map(({ name }) => name) };
}
