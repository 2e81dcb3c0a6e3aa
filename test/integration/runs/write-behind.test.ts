import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json } from '../../../src/base/index.ts';
import type { RunContext } from '../../../src/engine/runs/index.ts';
import { answer, onBothDatabases, scope, type RunGround } from './run-ground.ts';

/** A step that may be done again and whose record the run does not wait for. */
function compute<T extends Json>(context: RunContext, key: string, value: () => T): Promise<T> {
  return context.step(key, 'compute', () => Promise.resolve(value()), { input: null, writeBehind: true });
}

await onBothDatabases((prepare) => {
  describe('steps whose records the run does not wait for', () => {
    let ground: RunGround;
    beforeAll(async () => {
      ground = await prepare();
      await ground.open();
    });
    afterAll(() => ground.close());

    it('are durable before anything that has an effect begins', async () => {
      const seen: (readonly string[])[] = [];
      const name = ground.script(async (context) => {
        for (let index = 0; index < 20; index += 1) await compute(context, `c:${index}`, () => index);
        const look = async (): Promise<null> => {
          seen.push(await ground.stepKeys(context.runId));
          return null;
        };
        await context.step('effect', 'tool', look, { input: null });
        return answer('done');
      });
      await ground.run(name);
      expect(seen).toEqual([Array.from({ length: 20 }, (_, index) => `c:${index}`).toSorted()]);
    });

    it('are durable before the run waits, and answer when it goes on', async () => {
      let computed = 0;
      const name = ground.script(async (context) => {
        const values = await Promise.all(
          ['a', 'b', 'c'].map((key) =>
            compute(context, key, () => {
              computed += 1;
              return `${key}${computed}`;
            }),
          ),
        );
        await context.sleep('nap', 50);
        return answer(values.join(' '));
      });
      const runId = await ground.submit(name);
      expect((await ground.response(runId)).text).toBe('a1 b2 c3');
      expect(computed).toBe(3);
      expect(await ground.stepKeys(runId)).toEqual(['a', 'b', 'c', 'nap']);
    });

    it('are durable when the run has ended, also in failure', async () => {
      const name = ground.script(async (context) => {
        await compute(context, 'a', () => 1);
        throw new Error('broken');
      });
      const runId = await ground.submit(name);
      expect((await ground.response(runId)).status).toBe('error');
      expect(await ground.stepKeys(runId)).toEqual(['a']);
    });

    it('keep nobody waiting for what other branches add meanwhile', async () => {
      const most = 6000;
      const done = new AbortController();
      let computed = 0;
      const name = ground.script(async (context) => {
        const busy = async (): Promise<void> => {
          while (!done.signal.aborted && computed < most) {
            await compute(context, `busy:${computed}`, () => computed);
            computed += 1;
          }
        };
        const acts = async (): Promise<void> => {
          await compute(context, 'before', () => 1);
          const act = (): Promise<null> => {
            done.abort();
            return Promise.resolve(null);
          };
          await context.step('effect', 'tool', act, { input: null });
        };
        await Promise.all([busy(), acts()]);
        return answer(String(computed));
      });
      expect((await ground.run(name)).status).toBe('completed');
      expect(computed).toBeLessThan(most);
    });

    it('begin nothing that follows them once the run has been stopped meanwhile', async () => {
      const held = Promise.withResolvers<void>();
      const begun = Promise.withResolvers<void>();
      const stopped = Promise.withResolvers<void>();
      let effects = 0;
      const name = ground.script(
        async (context) => {
          context.signal.addEventListener('abort', () => stopped.resolve());
          begun.resolve();
          await context.busy(() => held.promise);
          await compute(context, 'before', () => 1);
          const act = (): Promise<null> => {
            effects += 1;
            return Promise.resolve(null);
          };
          await context.step('effect', 'tool', act, { input: null });
          return answer('done');
        },
        { timeoutMs: 5000 },
      );
      const runId = await ground.submit(name);
      await begun.promise;
      await ground.storage.transaction(async (trx) => {
        // Nothing of the run can be written as long as its row is held.
        await sql`select 1 from runs where id = ${runId} for update`.execute(trx);
        held.resolve();
        await stopped.promise;
      });
      expect((await ground.response(runId)).status).toBe('timeout');
      expect(effects).toBe(0);
      expect(await ground.stepKeys(runId)).toEqual(['before']);
    });

    it('go on with what their journal holds: a mark in place of what no database takes', async () => {
      const name = ground.script(async (context) => {
        const first = await compute(context, 'a', () => 'a\u0000b\ud83d');
        return answer(first);
      });
      const runId = await ground.submit(name);
      expect((await ground.response(runId)).text).toBe('a\uFFFDb\uFFFD');
      expect(await ground.store.steps(scope, runId)).toMatchObject([{ output: 'a\uFFFDb\uFFFD' }]);
    });
  });
});
