import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sql } from 'kysely';
import { AppError, type Json } from '../../../src/base/index.ts';
import type { RunContext } from '../../../src/engine/runs/index.ts';
import { answer, onBothDatabases, scope, type RunGround } from './run-ground.ts';

const gate = () => Promise.withResolvers<void>();

/** Steps side by side; the results by key, or the code of what went wrong. */
async function fanOut(
  context: RunContext,
  keys: readonly string[],
  work: (key: string) => Promise<Json>,
): Promise<Readonly<Record<string, Json>>> {
  const results = await Promise.all(
    keys.map(async (key): Promise<[string, Json]> => {
      try {
        return [key, await context.step(key, 'tool', () => work(key), { input: { key } })];
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        return [key, error.code];
      }
    }),
  );
  return Object.fromEntries(results);
}

await onBothDatabases((prepare) => {
  describe('steps written in groups', () => {
    let ground: RunGround;
    beforeAll(async () => {
      ground = await prepare();
      await ground.open();
    });
    afterAll(() => ground.close());

    it('are all there, with their usage, and none is done again', async () => {
      const keys = Array.from({ length: 1200 }, (_, index) => `s:${index}`);
      let made = 0;
      const name = ground.script(async (context) => {
        const results = await Promise.all(
          keys.map((key, index) =>
            context.step(
              key,
              'model',
              (io) => {
                made += 1;
                io.recordUsage({ inputTokens: 1, outputTokens: 2, costUsd: 0.5 });
                return Promise.resolve({ index, text: `"quoted" ${key}\n` });
              },
              { input: { key } },
            ),
          ),
        );
        await context.sleep('nap', 50);
        return answer(`${results.length} ${results.every(({ index }, at) => index === at)}`);
      });
      const runId = await ground.submit(name);
      const response = await ground.response(runId);
      expect(response.text).toBe('1200 true');
      expect(response.usage).toEqual({ inputTokens: 1200, outputTokens: 2400, costUsd: 600 });
      expect(made).toBe(1200);
      const steps = await ground.store.steps(scope, runId);
      expect(steps).toHaveLength(1201);
      expect(steps.find(({ key }) => key === 's:7')).toMatchObject({
        kind: 'model',
        status: 'completed',
        attempts: 1,
        output: { index: 7, text: '"quoted" s:7\n' },
        usage: { inputTokens: 1, outputTokens: 2, costUsd: 0.5 },
      });
    });

    it('take fewer statements than steps', async () => {
      const before = await statements();
      const keys = Array.from({ length: 500 }, (_, index) => `s:${index}`);
      await ground.run(
        ground.script(async (context) =>
          answer(String(await fanOut(context, keys, () => Promise.resolve(1)))),
        ),
      );
      expect((await statements()) - before).toBeLessThan(100);
    });

    /** Statements that changed `run_steps` so far, by a trigger that counts them. */
    async function statements(): Promise<number> {
      const { db } = ground.storage;
      await sql`create table if not exists counted (at timestamptz)`.execute(db);
      await sql`create or replace function count_statement() returns trigger language plpgsql as
        'begin insert into counted values (now()); return null; end'`.execute(db);
      await sql`create or replace trigger counting after insert on run_steps
        for each statement execute function count_statement()`.execute(db);
      const { rows } = await sql<{ count: number }>`select count(*) as count from counted`.execute(db);
      return rows[0]?.count ?? 0;
    }

    it('that the database refuses fail alone', async () => {
      await sql`
        create function refuse_one() returns trigger language plpgsql as $$ begin
          if new.key = 's:17' and new.status = 'completed' then
            raise exception 'out of range' using errcode = '22003';
          end if;
          return new;
        end $$`.execute(ground.storage.db);
      await sql`
        create trigger refuse_one before insert on run_steps
        for each row execute function refuse_one()`.execute(ground.storage.db);
      const keys = Array.from({ length: 50 }, (_, index) => `s:${index}`);
      let results: Readonly<Record<string, Json>> = {};
      const name = ground.script(async (context) => {
        results = await fanOut(context, keys, (key) => Promise.resolve(`value of ${key}`));
        return answer('done');
      });
      const runId = await ground.submit(name);
      expect((await ground.response(runId)).text).toBe('done');
      for (const key of keys)
        expect(results[key]).toBe(key === 's:17' ? 'output_invalid' : `value of ${key}`);
      const steps = await ground.store.steps(scope, runId);
      expect(steps).toHaveLength(50);
      const refused = steps.find(({ key }) => key === 's:17');
      expect(refused).toMatchObject({ status: 'failed', error: { code: 'output_invalid' } });
      expect(refused?.error?.message).toContain('"s:17"');
      await sql`drop trigger refuse_one on run_steps`.execute(ground.storage.db);
    });

    it('that met a database that was away are no failures: the next execution does them', async () => {
      let tries = 0;
      const name = ground.script(async (context) => {
        const done = await context.step(
          'a',
          'tool',
          () => {
            tries += 1;
            if (tries === 1)
              return Promise.reject(new AppError('storage_unavailable', 'the database is away'));
            return Promise.resolve('done');
          },
          { input: null },
        );
        return answer(done);
      });
      expect((await ground.run(name)).text).toBe('done');
      expect(tries).toBe(2);
    });

    it('an error that the database would refuse is kept in a form that it takes', async () => {
      const name = ground.script(async (context) => {
        const results = await fanOut(context, ['a'], () =>
          Promise.reject(
            new AppError('upstream_error', `a\u0000b ${'x'.repeat(100_000)}`, { details: { raw: '\u0000' } }),
          ),
        );
        await context.sleep('nap', 1);
        return answer(String(results['a']));
      });
      expect((await ground.run(name)).text).toBe('upstream_error');
    });

    it('of a stale execution are all refused, and those of another run are written', async () => {
      const release = gate();
      const inside = { stale: gate(), sound: gate() };
      const seen: unknown[] = [];
      const keys = Array.from({ length: 40 }, (_, index) => `s:${index}`);
      const script = (which: 'stale' | 'sound') =>
        ground.script(async (context) => {
          const all = await Promise.allSettled(
            keys.map((key) =>
              context.step(
                key,
                'tool',
                async () => {
                  inside[which].resolve();
                  await release.promise;
                  return key;
                },
                { input: null },
              ),
            ),
          );
          for (const one of all)
            if (one.status === 'rejected') seen.push((one.reason as { kind: string }).kind);
          const refused = all.find((one) => one.status === 'rejected');
          if (refused !== undefined) throw refused.reason;
          return answer('written');
        });
      const stale = await ground.submit(script('stale'));
      const sound = await ground.submit(script('sound'));
      await Promise.all([inside.stale.promise, inside.sound.promise]);
      await ground.storage.db
        .updateTable('runs')
        .set((old) => ({ epoch: old('epoch', '+', 1) }))
        .where('id', '=', stale)
        .execute();
      release.resolve();
      expect((await ground.response(sound)).text).toBe('written');
      await expect.poll(() => seen.length).toBe(40);
      expect(new Set(seen)).toEqual(new Set(['fenced']));
      expect(await ground.stepKeys(stale)).toEqual([]);
      expect(await ground.stepKeys(sound)).toHaveLength(40);
    });

    it('ten thousand of them load quickly when the run is executed again', async () => {
      const keys = Array.from({ length: 10_000 }, (_, index) => `s:${index}`);
      let loadedAt = 0;
      const name = ground.script(
        async (context) => {
          const results = await fanOut(context, keys, (key) => Promise.resolve({ key }));
          loadedAt = performance.now();
          await context.waitForSignal('ask', 'go');
          return answer(String(Object.keys(results).length));
        },
        { timeoutMs: 120_000 },
      );
      const runId = await ground.submit(name);
      await ground.untilStatus(runId, 'waiting');
      const wokenAt = performance.now();
      await ground.signal(runId, 'go');
      expect((await ground.response(runId)).text).toBe('10000');
      expect(loadedAt - wokenAt).toBeLessThan(5000);
    });
  });
});
