import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventSignal, type RunContext } from '../../../src/engine/runs/index.ts';
import { answer, onBothDatabases, scope, type RunGround } from './run-ground.ts';

const gate = <T = void>() => Promise.withResolvers<T>();
const step = (context: RunContext, key: string, work: () => Promise<unknown> = () => Promise.resolve()) =>
  context.step(
    key,
    'compute',
    async () => {
      await work();
      return null;
    },
    { input: null },
  );

await onBothDatabases((prepare) => {
  describe('waits of runs', () => {
    let ground: RunGround;
    beforeAll(async () => {
      ground = await prepare();
      await ground.open();
    });
    afterAll(() => ground.close());

    /** Two branches: one does a long step, the other waits and then does a step. */
    function twoBranches(wait: (context: RunContext) => Promise<unknown>) {
      const long = gate();
      const after = gate<unknown>();
      let executions = 0;
      const name = ground.script(async (context) => {
        executions += 1;
        await Promise.all([
          step(context, 'long', () => long.promise),
          (async () => {
            const heard = await wait(context);
            await step(context, 'after', () => Promise.resolve(after.resolve(heard)));
          })(),
        ]);
        return answer('both');
      });
      return { name, long, after: after.promise, executions: () => executions };
    }

    it('a signal is heard by one branch while another has a step under way', async () => {
      const { name, long, after, executions } = twoBranches((context) => context.waitForSignal('ask', 'go'));
      const runId = await ground.submit(name);
      await ground.untilWaits(runId, 'ask');
      await ground.signal(runId, 'go', 'gone');
      expect(await after).toBe('gone');
      expect(await ground.status(runId)).toBe('running');
      long.resolve();
      expect(await ground.response(runId)).toMatchObject({ text: 'both' });
      expect(executions()).toBe(1);
    });

    it('a signal from an engine that executes nothing is heard in place too', async () => {
      const door = await ground.startEngine({ execute: false });
      const { name, long, after, executions } = twoBranches((context) => context.waitForSignal('ask', 'go'));
      const runId = await ground.submit(name);
      await ground.untilWaits(runId, 'ask');
      await ground.signal(runId, 'go', 1, door);
      expect(await after).toBe(1);
      long.resolve();
      await ground.response(runId);
      expect(executions()).toBe(1);
    });

    it('a timer goes off in one branch while another has a step under way', async () => {
      const { name, long, after, executions } = twoBranches((context) => context.sleep('nap', 50));
      const runId = await ground.submit(name);
      await after;
      expect(await ground.status(runId)).toBe('running');
      long.resolve();
      await ground.response(runId);
      expect(executions()).toBe(1);
    });

    it('the time-out of a wait passes in place', async () => {
      const { name, long, after } = twoBranches((context) =>
        context.waitForSignal('ask', 'never', { timeoutMs: 50 }),
      );
      const runId = await ground.submit(name);
      expect(await after).toBeUndefined();
      long.resolve();
      await ground.response(runId);
    });

    it('a wait that was answered in place is not waited for again when the run leaves memory later', async () => {
      let made = 0;
      const long = gate();
      const name = ground.script(async (context) => {
        const [heard] = await Promise.all([
          context.waitForSignal('ask', 'go'),
          step(context, 'long', () => {
            made += 1;
            return long.promise;
          }),
        ]);
        const more = await context.waitForSignal('more', 'more');
        return answer(`${String(heard)} ${String(more)}`);
      });
      const runId = await ground.submit(name);
      await ground.untilWaits(runId, 'ask');
      await ground.signal(runId, 'go', 'one');
      await expect.poll(() => ground.stepKeys(runId)).toEqual(['ask']);
      long.resolve();
      await ground.untilStatus(runId, 'waiting');
      expect((await ground.store.get(scope, runId)).waitingFor).toEqual(['more']);
      await ground.signal(runId, 'more', 'two');
      expect((await ground.response(runId)).text).toBe('one two');
      expect(made).toBe(1);
    });

    it('each of several waits for one name gets a signal of its own', async () => {
      const name = ground.script(async (context) => {
        const heard = await Promise.all(['a', 'b', 'c'].map((key) => context.waitForSignal(key, 'word')));
        return answer(heard.map(String).toSorted().join(' '));
      });
      const runId = await ground.submit(name);
      await Promise.all(['1', '2', '3'].map((word) => ground.signal(runId, 'word', word)));
      expect((await ground.response(runId)).text).toBe('1 2 3');
    });

    it('every wait for an event hears it, once, and nobody can pass a signal off as one', async () => {
      const name = ground.script(async (context) => {
        const heard = await Promise.all([
          context.waitForSignal('one', eventSignal('paid')),
          context.waitForSignal('two', eventSignal('paid')),
        ]);
        return answer(JSON.stringify([...heard, (await context.waitForSignal('own', 'x')) ?? null]));
      });
      const runId = await ground.submit(name);
      await ground.untilStatus(runId, 'waiting');
      await expect(ground.signal(runId, eventSignal('paid'))).rejects.toMatchObject({
        code: 'invalid_request',
      });
      // An id of the caller's own, which the event has too, is another id.
      await ground.engine.signal(scope, runId, { id: 'same', name: 'x', payload: 'mine' });
      const event = { id: 'same', name: 'paid', payload: 7 };
      expect(await ground.engine.publishEvent(scope, event)).toBe(1);
      expect(await ground.response(runId)).toMatchObject({ text: '[7,7,"mine"]' });
    });

    it('loses no signal that comes while a run leaves memory', async () => {
      const name = ground.script(async (context) => {
        const heard = await context.waitForSignal('ask', 'go');
        return answer(String(heard));
      });
      const rounds = Array.from({ length: 40 }, (_, index) => index);
      const answers = await Promise.all(
        rounds.map(async (index) => {
          const runId = await ground.submit(name);
          await ground.untilWaits(runId, 'ask');
          // From right after the wait was stored until after the run has left memory.
          await new Promise((resolve) => setTimeout(resolve, index));
          await ground.signal(runId, 'go', index);
          return (await ground.response(runId)).text;
        }),
      );
      expect(answers).toEqual(rounds.map(String));
    });

    it('a child hears its signal while its sibling works, and neither is executed twice', async () => {
      const work = gate();
      const heard = gate<unknown>();
      const executions = { asks: 0, works: 0, parent: 0 };
      const asks = ground.script(async (context) => {
        executions.asks += 1;
        const word = await context.waitForSignal('ask', 'word');
        await step(context, 'said', () => Promise.resolve(heard.resolve(word)));
        return answer(String(word));
      });
      const works = ground.script(async (context) => {
        executions.works += 1;
        await step(context, 'work', () => work.promise);
        return answer('worked');
      });
      const parent = ground.script(async (context) => {
        executions.parent += 1;
        const outcomes = await Promise.all([
          context.child('one', { kind: 'agent', name: asks }, null),
          context.child('two', { kind: 'agent', name: works }, null),
        ]);
        return answer(outcomes.map(({ output }) => (output as { text: string }).text).join(' '));
      });
      const runId = await ground.submit(parent);
      await expect.poll(async () => (await ground.children(runId)).size).toBe(2);
      const child = (await ground.children(runId)).get('one');
      await ground.untilWaits(child?.id ?? '', 'ask');
      await ground.signal(child?.id ?? '', 'word', 'hello');
      expect(await heard.promise).toBe('hello');
      expect(await ground.status(runId)).toBe('running');
      work.resolve();
      expect((await ground.response(runId)).text).toBe('hello worked');
      expect(executions).toEqual({ asks: 1, works: 1, parent: 1 });
    });

    it('the whole tree waits as rows when nothing of it is under way, and says where it waits', async () => {
      const inner = ground.script(async (context) =>
        answer(String(await context.waitForSignal('ask', 'word'))),
      );
      const middle = ground.script(async (context) => {
        const { output } = await context.child('deeper', { kind: 'agent', name: inner }, null);
        return answer((output as { text: string }).text);
      });
      const outer = ground.script(async (context) => {
        const [below, own] = await Promise.all([
          context.child('down', { kind: 'agent', name: middle }, null),
          context.waitForSignal('own', 'own'),
        ]);
        return answer(`${(below.output as { text: string }).text} ${String(own)}`);
      });
      const runId = await ground.submit(outer);
      await ground.untilStatus(runId, 'waiting');
      const middleRun = (await ground.children(runId)).get('down');
      const innerRun = (await ground.children(middleRun?.id ?? '')).get('deeper');
      const waitingFor = async (id = ''): Promise<readonly string[]> => {
        const run = await ground.store.get(scope, id);
        expect(run.status).toBe('waiting');
        return run.waitingFor.toSorted();
      };
      expect(await waitingFor(runId)).toEqual(['down/deeper/ask', 'own']);
      expect(await waitingFor(middleRun?.id)).toEqual(['deeper/ask']);
      expect(await waitingFor(innerRun?.id)).toEqual(['ask']);
      const depths = await ground.storage.db
        .selectFrom('runs')
        .select('depth')
        .where('root_run_id', '=', runId)
        .orderBy('depth')
        .execute();
      expect(depths.map(({ depth }) => depth)).toEqual([0, 1, 2]);
      await ground.signal(runId, 'own', 'me');
      await ground.untilStatus(runId, 'waiting');
      await ground.signal(innerRun?.id ?? '', 'word', 'them');
      expect((await ground.response(runId)).text).toBe('them me');
    });

    it('a child that waits can be cancelled, and ends at its own deadline; its parent goes on', async () => {
      const waits = ground.script(async (context) => {
        await context.waitForSignal('ask', 'never');
        return answer('never');
      });
      const hasty = ground.script(
        async (context) => {
          await context.waitForSignal('ask', 'never');
          return answer('never');
        },
        { timeoutMs: 1500 },
      );
      const parent = ground.script(async (context) => {
        const outcomes = await Promise.all([
          context.child('cancelled', { kind: 'agent', name: waits }, null),
          context.child('late', { kind: 'agent', name: hasty }, null),
        ]);
        return answer(outcomes.map(({ status }) => status).join(' '));
      });
      const runId = await ground.submit(parent);
      await ground.untilStatus(runId, 'waiting');
      await ground.engine.cancel(scope, (await ground.children(runId)).get('cancelled')?.id ?? '');
      expect((await ground.response(runId)).text).toBe('cancelled timeout');
    });

    it('a child that its parent did not wait for ends with the parent', async () => {
      const endless = ground.script(() => new Promise(() => {}));
      const parent = ground.script(async (context) => {
        const left = context.child('left', { kind: 'agent', name: endless }, null);
        left.catch(() => {});
        await expect
          .poll(async () => (await ground.children(context.runId)).get('left')?.status)
          .toBe('running');
        return answer('done');
      });
      const runId = await ground.submit(parent);
      expect((await ground.response(runId)).text).toBe('done');
      expect((await ground.children(runId)).get('left')?.status).toBe('cancelled');
    });

    it('a stale execution of the parent cannot take a child away', async () => {
      const inside = gate();
      const release = gate();
      const refused = gate<unknown>();
      const child = ground.script(() => Promise.resolve(answer('child')));
      const parent = ground.script(async (context) => {
        inside.resolve();
        await release.promise;
        try {
          await context.child('c', { kind: 'agent', name: child }, null);
        } catch (error) {
          refused.resolve(error);
          throw error;
        }
        return answer('never');
      });
      const runId = await ground.submit(parent);
      await inside.promise;
      // What the claim of another worker does, which has started the child already.
      await ground.storage.db.updateTable('runs').set({ epoch: 7 }).where('id', '=', runId).execute();
      const row = await ground.storage.db
        .selectFrom('runs')
        .selectAll()
        .where('id', '=', runId)
        .executeTakeFirstOrThrow();
      await ground.storage.db
        .insertInto('runs')
        .values({
          ...row,
          id: `${runId}c`,
          request_id: null,
          parent_run_id: runId,
          parent_step_key: 'c',
          epoch: 3,
          job_id: null,
          scopes: JSON.stringify(row.scopes),
          input: 'null',
          output: null,
          error: null,
          reply_to: null,
          metadata: '{}',
          waiting_for: null,
        })
        .execute();
      release.resolve();
      expect(await refused.promise).toMatchObject({ kind: 'fenced' });
      const held = await ground.storage.db
        .selectFrom('runs')
        .select('epoch')
        .where('id', '=', `${runId}c`)
        .executeTakeFirst();
      expect(held?.epoch).toBe(3);
    });

    it('refuses to nest runs without end, and shows the way down', async () => {
      const bottom: string = ground.script(async (context) => {
        const outcome = await context
          .child('again', { kind: 'agent', name: bottom }, null)
          .catch((error: unknown) => error as Error & { code: string });
        if ('code' in outcome) return answer(`${context.depth} ${outcome.code} ${outcome.message}`);
        return answer((outcome.output as { text: string }).text);
      });
      const { text } = await ground.run(bottom);
      expect(text).toMatch(/^8 limit_exceeded runs are nested more than 8 deep: (agent \S+ → ){9}agent \S+$/);
    });
  });
});
