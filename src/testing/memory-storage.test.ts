import { sql } from 'kysely';
import { afterEach, describe, expect, it } from 'vitest';
import { silentLogger, systemClock } from '../base/index.ts';
import { PgBossQueue } from '../platform/queue/index.ts';
import { MemoryStorage, shapeOf } from './memory-storage.ts';

const lent: MemoryStorage[] = [];
afterEach(async () => {
  for (const storage of lent.splice(0)) await storage.stop();
});

async function lend(): Promise<MemoryStorage> {
  const storage = new MemoryStorage();
  await storage.start();
  lent.push(storage);
  return storage;
}

/** Tells one database from another, whatever is in it. */
async function mark(storage: MemoryStorage): Promise<unknown> {
  const { rows } = await sql<{ at: unknown }>`select pg_postmaster_start_time()::text as at`.execute(
    storage.db,
  );
  return rows[0]?.at;
}

const addWorker = (storage: MemoryStorage) =>
  storage.db
    .insertInto('workers')
    .values({ id: 'one', host: 'h', pid: 1, started_at: new Date(0), heartbeat_at: new Date(0) })
    .execute();

describe('a lent database', () => {
  it('comes to the next one empty, jobs included', async () => {
    const first = await lend();
    const same = await mark(first);
    await addWorker(first);
    const queue = new PgBossQueue({ storage: first, clock: systemClock, logger: silentLogger });
    await queue.start();
    await first.transaction((trx) => queue.send('runs', { key: 'k', payload: {} }, trx));
    await queue.stop();
    await first.stop();
    const second = await lend();
    expect(await mark(second)).toBe(same);
    expect(await second.db.selectFrom('workers').selectAll().execute()).toEqual([]);
    expect((await sql`select id from pgboss.job`.execute(second.db)).rows).toEqual([]);
  });

  it('is out of reach of whom it was lent to before, with all that listened there', async () => {
    const first = await lend();
    const heard: string[] = [];
    await first.listen(
      'test_channel',
      (payload) => heard.push(payload),
      () => {},
    );
    await first.stop();
    expect(() => first.db).toThrow(/not open/);
    const second = await lend();
    await second.notify(second.db, 'test_channel', 'for others');
    await addWorker(second);
    expect(heard).toEqual([]);
  });

  it('belongs to one at a time', async () => {
    const [first, second] = [await lend(), await lend()];
    await addWorker(first);
    expect(await second.db.selectFrom('workers').selectAll().execute()).toEqual([]);
  });

  it('is not lent again when more than rows was changed', async () => {
    const first = await lend();
    const changed = await mark(first);
    await sql`alter table run_events drop constraint run_events_run_id_fkey`.execute(first.db);
    await first.stop();
    expect(await mark(await lend())).not.toBe(changed);
  });

  it.each([
    ['a constraint', sql`alter table run_events drop constraint run_events_run_id_fkey`],
    ['a table', sql`create table own (id int)`],
    ['a column', sql`alter table runs add column own int`],
    [
      'a trigger',
      sql`create trigger own before insert on runs for each row execute function suppress_redundant_updates_trigger()`,
    ],
    ['a function', sql`create function own() returns int language sql as 'select 1'`],
    ['an index', sql`create index own on runs (id)`],
  ])('has another shape when %s was changed', async (_what, change) => {
    const { db } = await lend();
    const shape = await shapeOf(db);
    const undone = new Error('undone');
    const trying = db.transaction().execute(async (trx) => {
      await change.execute(trx);
      expect(await shapeOf(trx)).not.toBe(shape);
      throw undone;
    });
    await expect(trying).rejects.toBe(undone);
    expect(await shapeOf(db)).toBe(shape);
  });
});
