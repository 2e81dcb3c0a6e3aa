import { sql, type Kysely, type Transaction } from 'kysely';
import type { Db } from 'pg-boss';
import { AppError, silentLogger, systemClock, type HealthReport } from '../base/index.ts';
import { PgBossQueue } from '../platform/queue/index.ts';
import {
  PgliteStorage,
  type Database,
  type Executor,
  type Storage,
  type Subscription,
} from '../platform/storage/index.ts';

/** A database that stays open for the next who wants one. */
interface Kept {
  readonly storage: PgliteStorage;
  /** Of its tables, constraints, indexes, triggers and functions. */
  readonly shape: string;
  /** Tables in which a fresh database has nothing. */
  readonly tables: readonly string[];
}

const free: Kept[] = [];

/**
 * An embedded database in memory, for tests to which it is only a means. To open one takes longer than most tests: this
 * one is lent at `start`, empty, by the process that keeps it, and given back at `stop`; from then on it is out of reach.
 * One whose tables were changed is not lent again.
 */
export class MemoryStorage implements Storage {
  readonly name = 'storage';
  readonly kind = 'pglite';
  readonly bossDatabase: Db = {
    executeSql: (text, values) => this.#storage.bossDatabase.executeSql(text, values),
  };
  #kept: Kept | undefined;
  readonly #subscriptions = new Set<Subscription>();

  get db(): Kysely<Database> {
    return this.#storage.db;
  }

  async start(): Promise<void> {
    this.#kept ??= await borrow();
  }

  async stop(): Promise<void> {
    const kept = this.#kept;
    this.#kept = undefined;
    if (kept === undefined) return;
    for (const subscription of this.#subscriptions) await subscription.close();
    this.#subscriptions.clear();
    // Whoever changed more than rows has had it for good.
    if ((await shapeOf(kept.storage.db).catch(() => '')) === kept.shape) free.push(kept);
    else await kept.storage.stop();
  }

  transaction<T>(
    work: (trx: Transaction<Database>) => Promise<T>,
    options?: { timeoutMs?: number },
  ): Promise<T> {
    return this.#storage.transaction(work, options);
  }

  async listen(
    channel: string,
    onNotification: (payload: string) => void,
    onReconnect: () => void,
  ): Promise<Subscription> {
    const subscription = await this.#storage.listen(channel, onNotification, onReconnect);
    this.#subscriptions.add(subscription);
    return subscription;
  }

  notify(executor: Executor, channel: string, payload: string): Promise<void> {
    return this.#storage.notify(executor, channel, payload);
  }

  health(): Promise<HealthReport> {
    return this.#storage.health();
  }

  get #storage(): PgliteStorage {
    if (this.#kept === undefined) throw new AppError('not_ready', 'The database is not open.');
    return this.#kept.storage;
  }
}

async function borrow(): Promise<Kept> {
  const kept = free.pop();
  if (kept === undefined) return open();
  await sql.raw(`truncate ${kept.tables.join(', ')} restart identity cascade`).execute(kept.storage.db);
  return kept;
}

async function open(): Promise<Kept> {
  const base = { clock: systemClock, logger: silentLogger };
  const storage = new PgliteStorage({ ...base, migrate: true, folder: undefined });
  await storage.start();
  // Its tables come with the first queue, unless the database began from the template.
  const queue = new PgBossQueue({ ...base, storage });
  await queue.start();
  await queue.stop();
  const { rows } = await sql<{ name: string }>`
    select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and not c.relispartition and n.nspname not in ('pg_catalog', 'information_schema')
      and (xpath('/row/c/text()', query_to_xml(format('select count(*) as c from %I.%I', n.nspname, c.relname),
        false, true, '')))[1]::text = '0'`.execute(storage.db);
  return { storage, shape: await shapeOf(storage.db), tables: rows.map(({ name }) => name) };
}

/** A digest of all that is no row. */
export async function shapeOf(db: Executor): Promise<string> {
  const own = sql`not in ('pg_catalog', 'information_schema', 'pg_toast')`;
  const { rows } = await sql<{ shape: string }>`
      select md5(string_agg(part, '|' order by part)) as shape from (
        select format('%s.%s %s %s', n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod))
            || format(' %s %s', a.attnotnull, pg_get_expr(d.adbin, d.adrelid)) as part
          from pg_class c join pg_namespace n on n.oid = c.relnamespace and n.nspname ${own}
          join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
          left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
          where not c.relispartition
        union all select format('%s %s %s', k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid))
          from pg_constraint k join pg_namespace n on n.oid = k.connamespace and n.nspname ${own}
        union all select format('%s %s', t.tgenabled, pg_get_triggerdef(t.oid)) from pg_trigger t where not t.tgisinternal
        union all select format('%s %s', p.proname, md5(p.prosrc))
          from pg_proc p join pg_namespace n on n.oid = p.pronamespace and n.nspname ${own}
        union all select indexdef from pg_indexes where schemaname ${own}
      ) as parts`.execute(db);
  return rows[0]?.shape ?? '';
}
