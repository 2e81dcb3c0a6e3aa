import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createScheduleService, type ScheduleTicker } from '../../../src/engine/automation/index.ts';
import { postgresAvailable } from '../../../src/testing/test-database.ts';
import {
  answer,
  AutomationGround,
  minute,
  noon,
  scope,
  tickerOf,
  until,
  type Process,
} from './automation-ground.ts';

describe.each([
  ['embedded', 'pglite' as const, true],
  ['PostgreSQL', 'postgres' as const, await postgresAvailable()],
])('schedules on %s', (_title, kind, available) => {
  describe.skipIf(!available)('one process', () => {
    let ground: AutomationGround;
    let process: Process;
    let ticker: ScheduleTicker;

    beforeAll(async () => {
      ground = await AutomationGround.create(kind);
      process = await ground.startProcess();
    });
    beforeEach(async () => {
      await ground.reset(process.storage);
      ticker = tickerOf(ground, process);
      ground.executor.scripts.set('report', () => Promise.resolve(answer('done')));
    });
    afterAll(() => ground.close());

    const slots = async (name = 'tick') => {
      const service = createScheduleService({ ...process.deps, store: ground.schedules.store });
      const { items } = await service.slots(scope, name, { limit: 1000 });
      return items
        .toReversed()
        .map((one) => `${(Date.parse(one.slot) - noon) / minute} ${one.outcome} ${one.reason ?? ''}`.trim());
    };
    const go = async (minutes: number) => {
      ground.clock.jumpTo(noon + minutes * minute);
      await ticker.tick();
    };
    const put = (more: object = {}) => {
      ground.schedules.put('tick', {
        every: '1m',
        start: { agent: 'report' },
        inputs: { message: 'report for {{ slot }} of {{ schedule }}' },
        ...more,
      });
      ticker.changed();
    };
    const runs = () =>
      process.storage.db.selectFrom('runs').selectAll().orderBy('created_at').orderBy('id').execute();

    it('starts a run for each slot, with what the inputs say', async () => {
      put({ sessionKey: 'daily' });
      await go(0);
      expect(await runs()).toEqual([]);
      await go(1);
      await go(2);
      const [first, second] = await runs();
      expect(first).toMatchObject({
        input: { message: 'report for 2026-01-01T12:01:00.000Z of tick' },
        source: 'schedule',
        principal: 'schedule:tick',
        metadata: { schedule: 'tick', slot: '2026-01-01T12:01:00.000Z' },
      });
      expect(second?.session_id).toBe(first?.session_id);
      expect(await slots()).toEqual(['1 fired', '2 fired']);
    });

    it('records what was missed, by policy, also over a restart', async () => {
      put({ missed: 'once', grace: '10s' });
      await go(0);
      ticker = tickerOf(ground, process);
      await go(3.5);
      expect(await slots()).toEqual(['1 skipped missed', '2 skipped missed', '3 fired catch_up']);
      put({ missed: 'all', grace: '10s', maxCatchUp: 2 });
      await go(6.5);
      expect((await slots()).slice(3)).toEqual([
        '4 skipped catch_up_limit',
        '5 fired catch_up',
        '6 fired catch_up',
      ]);
    });

    it('sums up a thousand missed slots in few rows', async () => {
      put({ every: '1s' });
      await go(0);
      await go(60.5);
      const rows = await process.storage.db.selectFrom('schedule_slots').selectAll().execute();
      expect(rows.reduce((sum, row) => sum + row.slots, 0)).toBe(3630);
      expect(rows.length).toBeLessThan(200);
      expect(rows.filter((row) => row.outcome === 'fired')).toHaveLength(61);
    });

    it('catches up on nothing from before it was made or had other times; an edit of the text loses nothing', async () => {
      put({ missed: 'all' });
      await go(0.5);
      await go(1);
      put({ missed: 'all', inputs: { message: 'another text' } });
      await go(2);
      expect((await runs()).map((run) => (run.input as { message: string }).message)).toEqual([
        'report for 2026-01-01T12:01:00.000Z of tick',
        'another text',
      ]);
      put({ missed: 'all', every: '2m' });
      await go(9);
      expect(await slots()).toEqual(['1 fired', '2 fired']);
      await go(10);
      expect(await slots()).toEqual(['1 fired', '2 fired', '10 fired']);
    });

    it('a schedule that was removed and comes again begins anew', async () => {
      put({ missed: 'all' });
      await go(0.5);
      ground.schedules.remove('tick');
      ticker.changed();
      await go(2);
      await go(10.5);
      put({ missed: 'all' });
      await go(10.6);
      await go(11);
      expect(await slots()).toEqual(['11 fired']);
    });

    it('a clock set back takes no slot twice; one that ran far ahead silences nothing', async () => {
      put();
      await go(0);
      await go(1);
      await go(2);
      await go(-60);
      ticker.changed();
      await go(-58);
      expect(await slots()).toEqual(['1 fired', '2 fired']);
      await go(3);
      expect(await slots()).toEqual(['1 fired', '2 fired', '3 fired']);
      await go(3 * 24 * 60);
      const taken = await slots();
      await go(4);
      await go(5);
      expect(await slots()).toEqual(expect.arrayContaining([...taken, '5 fired']));
    });

    it('pauses and goes on without catching up; slots of the pause are recorded', async () => {
      const service = createScheduleService({ ...process.deps, store: ground.schedules.store }, () =>
        ticker.changed(),
      );
      put({ missed: 'all' });
      await go(0);
      await go(1);
      await service.pause({ ...scope, principal: 'user:ada' }, 'tick');
      const schedule = await ground.schedules.store.get(scope, 'tick');
      expect(await service.status(scope, schedule)).toMatchObject({ paused: { by: 'user:ada' }, next: [] });
      await go(2);
      await go(3);
      await service.resume(scope, 'tick');
      await go(4);
      expect(await slots()).toEqual(['1 fired', '2 skipped paused', '3 skipped paused', '4 fired']);
      expect((await service.status(scope, schedule, 2)).next).toEqual([
        '2026-01-01T12:05:00.000Z',
        '2026-01-01T12:06:00.000Z',
      ]);
    });

    it('is started by hand, beside its slots', async () => {
      const service = createScheduleService({ ...process.deps, store: ground.schedules.store });
      put({ enabled: false });
      await go(0.25);
      const { runId } = await service.trigger({ ...scope, principal: 'user:ada' }, 'tick');
      expect(await runs()).toMatchObject([{ id: runId, metadata: { triggered_by: 'user:ada' } }]);
      await go(1);
      expect(await slots()).toEqual(['0.25 fired manual', '1 skipped disabled']);
    });

    it('what cannot be started goes to the desk, and the next slot goes on', async () => {
      put({ start: { agent: 'nobody' } });
      await go(0);
      await go(1);
      put({ inputs: { message: 'for {{ slto }}' } });
      await go(2);
      put();
      await go(3);
      expect((await slots()).map((one) => one.split(' ').slice(0, 2).join(' '))).toEqual([
        '1 failed',
        '2 failed',
        '3 fired',
      ]);
      const letters = await process.storage.db.selectFrom('dead_letters').selectAll().orderBy('id').execute();
      expect(letters).toMatchObject([
        { kind: 'schedule', ref_id: 'tick@2026-01-01T12:01:00.000Z', reason: 'there is no agent "nobody"' },
        { kind: 'schedule', ref_id: 'tick@2026-01-01T12:02:00.000Z' },
      ]);
      expect(await runs()).toHaveLength(1);
    });

    describe('while the run of an earlier slot is still going', () => {
      let finish: PromiseWithResolvers<void>;

      beforeEach(() => {
        finish = Promise.withResolvers();
        ground.executor.scripts.set('report', async (context) => {
          await Promise.race([
            finish.promise,
            new Promise((_resolve, reject) => {
              context.signal.addEventListener('abort', () => reject(context.signal.reason as Error));
            }),
          ]);
          return answer('done');
        });
      });
      afterEach(() => finish.resolve());

      const ended = (count: number) =>
        until(
          async () => (await runs()).filter((run) => run.ended_at !== null).length >= count,
          `${count} runs have ended`,
        );

      it('skip', async () => {
        put({ overlap: 'skip' });
        await go(0);
        await go(1);
        await go(2);
        finish.resolve();
        await ended(1);
        await go(3);
        expect(await slots()).toEqual(['1 fired', '2 skipped overlap', '3 fired']);
      });

      it('queue: one after the other, in order', async () => {
        put({ overlap: 'queue', maxCatchUp: 2 });
        await go(0);
        for (const minutes of [1, 2, 3, 4]) await go(minutes);
        expect(await slots()).toEqual([
          '1 fired',
          '2 queued overlap',
          '3 queued overlap',
          '4 skipped overlap',
        ]);
        finish.resolve();
        await ended(1);
        await go(4.2);
        expect((await slots()).slice(1, 3)).toEqual(['2 fired queued', '3 queued overlap']);
        await ended(2);
        await go(4.4);
        await ended(3);
        expect(await slots()).toEqual(['1 fired', '2 fired queued', '3 fired queued', '4 skipped overlap']);
        expect((await runs()).map((run) => (run.metadata as { slot: string }).slot.slice(11, 16))).toEqual([
          '12:01',
          '12:02',
          '12:03',
        ]);
      });

      it('cancel', async () => {
        put({ overlap: 'cancel' });
        await go(0);
        await go(1);
        await until(async () => (await runs()).some((run) => run.status === 'running'), 'the first runs');
        await go(2);
        await until(async () => (await runs()).some((run) => run.status === 'cancelled'), 'it is cancelled');
        finish.resolve();
        await ended(2);
        expect((await runs()).map((run) => run.status)).toEqual(['cancelled', 'completed']);
      });
    });

    it('ticks by itself: one timer, and a change counts at once', async () => {
      put();
      await ticker.start();
      await ground.clock.untilPending();
      await until(
        async () =>
          (await process.storage.db.selectFrom('schedule_state').selectAll().execute()).length === 1,
        'the schedule is followed',
      );
      await until(async () => {
        await ground.clock.advance(5000);
        return (await slots()).includes('1 fired');
      }, 'its first slot is fired');
      expect(ground.clock.pending).toBeLessThanOrEqual(1);
      await ticker.stop();
      expect(ground.clock.pending).toBe(0);
    });
  });
});

describe.skipIf(!(await postgresAvailable()))('three processes on one PostgreSQL', () => {
  let ground: AutomationGround;

  beforeEach(async () => {
    ground = await AutomationGround.create('postgres');
    ground.executor.scripts.set('report', () => Promise.resolve(answer('done')));
  });
  afterEach(() => ground.close());

  it('1,000 slots are 1,000 runs', async () => {
    const processes = [];
    for (let index = 0; index < 3; index += 1) processes.push(await ground.startProcess({ execute: false }));
    ground.schedules.put('tick', { every: '1m', start: { agent: 'report' }, inputs: { message: 'go' } });
    const tickers = processes.map((process) => tickerOf(ground, process));
    for (const ticker of tickers) await ticker.tick();
    for (let slot = 1; slot <= 1000; slot += 1) {
      ground.clock.jumpTo(noon + slot * minute);
      await Promise.all(tickers.map((ticker) => ticker.tick()));
    }
    const [first] = processes;
    if (first === undefined) throw new Error('no process');
    const slots = await first.storage.db.selectFrom('schedule_slots').selectAll().execute();
    expect(slots.filter((slot) => slot.outcome === 'fired')).toHaveLength(1000);
    const runs = await first.storage.db.selectFrom('runs').select(['id', 'metadata']).execute();
    expect(runs).toHaveLength(1000);
    expect(new Set(runs.map((run) => JSON.stringify(run.metadata))).size).toBe(1000);
    expect(new Set(slots.map((slot) => slot.run_id))).toEqual(new Set(runs.map((run) => run.id)));
  }, 120_000);

  it('a process that dies between slot and commit loses and doubles nothing', async () => {
    let dies = 0;
    const failpoint = (name: string): void => {
      if (name === 'slot-before-commit' || name === 'submit-before-commit') {
        dies += 1;
        if (dies % 3 !== 0) throw new AggregateError([], 'killed here');
      }
    };
    const unlucky = await ground.startProcess({ execute: false, failpoint });
    const lucky = await ground.startProcess({ execute: false });
    ground.schedules.put('tick', {
      every: '1m',
      grace: '1h',
      start: { agent: 'report' },
      inputs: { message: 'go' },
    });
    const tickers = [tickerOf(ground, unlucky), tickerOf(ground, lucky)];
    for (const ticker of tickers) await ticker.tick();
    for (let slot = 1; slot <= 30; slot += 1) {
      ground.clock.jumpTo(noon + slot * minute);
      // The unlucky one goes first; the other takes over what it left.
      for (const ticker of tickers) await ticker.tick();
    }
    expect(dies).toBeGreaterThan(5);
    const slots = await lucky.storage.db.selectFrom('schedule_slots').selectAll().execute();
    expect(slots.map((slot) => slot.outcome)).toEqual(Array(30).fill('fired'));
    expect(await lucky.storage.db.selectFrom('runs').select('id').execute()).toHaveLength(30);
    expect(await lucky.storage.db.selectFrom('dead_letters').selectAll().execute()).toEqual([]);
  });
});
