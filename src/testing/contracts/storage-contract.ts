import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  migrationStatus,
  migrateUp,
  sqlState,
  type Executor,
  type Storage,
} from '../../platform/storage/index.ts';

/** What the contract needs: a storage that was never started, and the removal of what it left. */
export interface StorageFixture {
  readonly storage: Storage;
  dispose(): Promise<void>;
}

const workerRow = (
  id: string,
): { id: string; host: string; pid: number; started_at: Date; heartbeat_at: Date } => ({
  id,
  host: 'host',
  pid: 1,
  started_at: new Date(0),
  heartbeat_at: new Date(0),
});

/** What every `Storage` does alike. */
export function storageContract(name: string, create: () => Promise<StorageFixture>): void {
  describe(`storage: ${name}`, () => {
    let fixture: StorageFixture;
    let storage: Storage;

    beforeAll(async () => {
      fixture = await create();
      storage = fixture.storage;
      await storage.start();
    }, 60_000);

    afterAll(async () => {
      await storage.stop();
      await fixture.dispose();
    }, 60_000);

    const countWorkers = async (prefix: string): Promise<number> => {
      const row = await storage.db
        .selectFrom('workers')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .where('id', 'like', `${prefix}%`)
        .executeTakeFirstOrThrow();
      return row.count;
    };

    it('has every migration applied after start, and applies none twice', async () => {
      const states = await migrationStatus(storage);
      expect(states.length).toBeGreaterThan(0);
      expect(states.every(({ appliedAt }) => appliedAt instanceof Date)).toBe(true);
      expect(await migrateUp(storage)).toEqual([]);
    });

    it('may be started twice', async () => {
      await storage.start();
      await expect(sql`select 1`.execute(storage.db)).resolves.toBeDefined();
    });

    it('reads values as the same JavaScript types on every backend', async () => {
      const at = new Date('2026-03-04T05:06:07.890Z');
      const texts = ['a"b', 'c,{}\\', ''];
      const { rows } = await sql`
        select 5::int4 as int4, 9007199254740991::int8 as int8, 9007199254740993::int8 as large, 1.25::numeric as numeric,
          true as yes, ${at}::timestamptz as at, '{"a":[1,null]}'::jsonb as json, ${texts}::text[] as texts,
          null::text as nothing, ${JSON.stringify({ b: 1 })}::jsonb as written,
          ${Buffer.from([0, 255])}::bytea as bytes`.execute(storage.db);
      expect(rows).toEqual([
        {
          int4: 5,
          int8: 9_007_199_254_740_991,
          large: 9_007_199_254_740_993n,
          numeric: 1.25,
          yes: true,
          at,
          json: { a: [1, null] },
          texts,
          nothing: null,
          written: { b: 1 },
          bytes: Buffer.from([0, 255]),
        },
      ]);
    });

    it('takes a text with NUL as one with a mark in its place', async () => {
      const { rows } = await sql<{ one: string; all: string[] }>`
        select ${'a\0b'}::text as one, ${['c\0', 'd']}::text[] as all`.execute(storage.db);
      expect(rows).toEqual([{ one: 'a\uFFFDb', all: ['c\uFFFD', 'd'] }]);
    });

    it('tells how many rows a statement changed', async () => {
      await storage.db
        .insertInto('workers')
        .values([workerRow('count-1'), workerRow('count-2')])
        .execute();
      const result = await storage.db.deleteFrom('workers').where('id', 'like', 'count-%').executeTakeFirst();
      expect(result.numDeletedRows).toBe(2n);
    });

    it('keeps what a transaction wrote and returns its result', async () => {
      const result = await storage.transaction(async (trx) => {
        await trx.insertInto('workers').values(workerRow('kept')).execute();
        return 'done';
      });
      expect(result).toBe('done');
      expect(await countWorkers('kept')).toBe(1);
    });

    it('rolls back when the callback throws, and passes the error on', async () => {
      const fault = new Error('no');
      const failing = storage.transaction(async (trx) => {
        await trx.insertInto('workers').values(workerRow('rolled-back')).execute();
        throw fault;
      });
      await expect(failing).rejects.toBe(fault);
      expect(await countWorkers('rolled-back')).toBe(0);
    });

    it('reports a broken constraint with its SQLSTATE and goes on afterwards', async () => {
      await storage.db.insertInto('workers').values(workerRow('twice')).execute();
      const again = storage.db.insertInto('workers').values(workerRow('twice')).execute();
      const error: unknown = await again.catch((fault: unknown) => fault);
      expect(sqlState(error)).toBe('23505');
      expect(await countWorkers('twice')).toBe(1);
    });

    it('does not pretend to commit a transaction in which a swallowed statement had failed', async () => {
      const swallowed = storage.transaction(async (trx) => {
        await trx.insertInto('workers').values(workerRow('swallowed')).execute();
        await sql`select 1 / 0`.execute(trx).catch(() => {});
      });
      await expect(swallowed).rejects.toThrow(/rolled back/);
      expect(await countWorkers('swallowed')).toBe(0);
    });

    it('refuses the use of db inside an open transaction instead of hanging', async () => {
      const misuse = storage.transaction(async (trx) => {
        await trx.insertInto('workers').values(workerRow('misused')).execute();
        await storage.db.selectFrom('workers').select('id').execute();
      });
      await expect(misuse).rejects.toThrow(/storage\.db was used inside an open transaction/);
      const nested = storage.transaction(() => storage.transaction(async () => {}));
      await expect(nested).rejects.toThrow(/inside an open transaction/);
      expect(await countWorkers('misused')).toBe(0);
    });

    it('lets db be used again where the transaction of the same context has ended', async () => {
      await storage.transaction(async () => {});
      expect(await countWorkers('nobody')).toBe(0);
    });

    it('serves many transactions at once, each for itself', async () => {
      await Promise.all(
        Array.from({ length: 40 }, (_unused, index) =>
          storage
            .transaction(async (trx) => {
              await trx
                .insertInto('workers')
                .values(workerRow(`many-${index}`))
                .execute();
              if (index % 4 === 0) throw new Error('every fourth');
            })
            .catch(() => {}),
        ),
      );
      expect(await countWorkers('many-')).toBe(30);
    });

    it('runs statements that were started together inside one transaction', async () => {
      await storage.transaction(async (trx) => {
        await Promise.all(
          ['a', 'b', 'c'].map((letter) =>
            trx
              .insertInto('workers')
              .values(workerRow(`together-${letter}`))
              .execute(),
          ),
        );
      });
      expect(await countWorkers('together-')).toBe(3);
    });

    it('gives up a transaction whose callback does not end, and serves the next', async () => {
      const never = new Promise<void>(() => {});
      const stuck = storage.transaction(
        async (trx) => {
          await trx.insertInto('workers').values(workerRow('stuck')).execute();
          await never;
        },
        { timeoutMs: 100 },
      );
      await expect(stuck).rejects.toMatchObject({ code: 'storage_unavailable' });
      expect(await countWorkers('stuck')).toBe(0);
    });

    it('refuses what a given-up transaction tries later', async () => {
      const gate = Promise.withResolvers<void>();
      const tried = Promise.withResolvers<unknown>();
      const given = storage.transaction(
        async (trx) => {
          await gate.promise;
          await trx
            .insertInto('workers')
            .values(workerRow('late'))
            .execute()
            .then(tried.resolve, tried.reject);
        },
        { timeoutMs: 50 },
      );
      await expect(given).rejects.toMatchObject({ code: 'storage_unavailable' });
      gate.resolve();
      await expect(tried.promise).rejects.toThrow(/before this statement|already rolled back/);
      expect(await countWorkers('late')).toBe(0);
    });

    it('hears a notification at commit, and none of a rolled-back transaction', async () => {
      const heard: string[] = [];
      const subscription = await storage.listen(
        'contract_channel',
        (payload) => heard.push(payload),
        () => {},
      );
      await storage
        .transaction(async (trx) => {
          await storage.notify(trx, 'contract_channel', 'rolled back');
          throw new Error('no');
        })
        .catch(() => {});
      await storage.transaction((trx) => storage.notify(trx, 'contract_channel', 'committed'));
      await storage.notify(storage.db, 'contract_channel', 'plain');
      await expect.poll(() => heard).toEqual(['committed', 'plain']);
      await subscription.close();
      await subscription.close();
    });

    it('treats a statement that repeats as at its first time: values, faults, changed tables', async () => {
      await sql`create table repeated (id text primary key, n int, f float8, b boolean, j jsonb, t timestamptz, l text[])`.execute(
        storage.db,
      );
      const at = new Date('2026-03-04T05:06:07.890Z');
      const add = (id: string, n: number | null) =>
        sql`
          insert into repeated (id, n, f, b, j, t, l)
          values (${id}, ${n}, ${n === null ? null : n / 2}, ${n === 1}, ${JSON.stringify({ n })}::jsonb, ${at}, ${['a', id]})`.execute(
          storage.db,
        );
      const read = async (id: string, executor: Executor = storage.db) =>
        (await sql<Record<string, unknown>>`select * from repeated where id = ${id}`.execute(executor))
          .rows[0];
      for (let round = 0; round < 6; round += 1) {
        const id = `row ${round}`;
        const n = round % 2 === 0 ? round : null;
        expect((await add(id, n)).numAffectedRows).toBe(1n);
        expect(await read(id)).toEqual({
          id,
          n,
          f: n === null ? null : n / 2,
          b: false,
          j: { n },
          t: at,
          l: ['a', id],
        });
        expect(await read('nobody')).toBeUndefined();
        expect(sqlState(await add(id, n).catch((error: unknown) => error))).toBe('23505');
        const inside = storage.transaction(async (trx) => {
          await sql`insert into repeated (id) values (${`in ${round}`})`.execute(trx);
          await sql`insert into repeated (id) values (${id})`.execute(trx);
        });
        expect(sqlState(await inside.catch((error: unknown) => error))).toBe('23505');
        expect(await read(`in ${round}`)).toBeUndefined();
      }
      await sql`alter table repeated add column extra int default 7`.execute(storage.db);
      expect(await read('row 0')).toMatchObject({ id: 'row 0', extra: 7 });
      expect(await read('row 1')).toMatchObject({ id: 'row 1', extra: 7 });
      for (let round = 0; round < 6; round += 1) await read('row 1');
      await sql`alter table repeated add column more int default 8`.execute(storage.db);
      // A transaction that begins with an outdated statement may fail; the next one knows better.
      const readInside = () => storage.transaction((trx) => read('row 1', trx));
      await readInside().catch(() => {});
      expect(await readInside()).toMatchObject({ id: 'row 1', more: 8 });
    });

    it('is healthy while it runs', async () => {
      const report = await storage.health(AbortSignal.timeout(2_000));
      expect(report.status).toBe('ok');
    });

    it('goes on after stop and start', async () => {
      if (name.includes('memory')) return;
      await storage.db.insertInto('workers').values(workerRow('restart')).execute();
      await storage.stop();
      await storage.stop();
      expect(() => storage.db).toThrow(/not open/);
      expect((await storage.health(AbortSignal.timeout(2_000))).status).toBe('down');
      await storage.start();
      expect(await countWorkers('restart')).toBe(1);
    }, 30_000);
  });
}
