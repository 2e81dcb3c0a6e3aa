import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger, type JsonObject } from '../../../src/base/index.ts';
import {
  createBuiltinSensors,
  createEventStore,
  createSensorService,
  SensorRunner,
  type EventStore,
} from '../../../src/engine/automation/index.ts';
import { postgresAvailable } from '../../../src/testing/test-database.ts';
import { answer, AutomationGround, expressions, noon, scope, type Process } from './automation-ground.ts';

const second = 1000;

describe.each([
  ['embedded', 'pglite' as const, true],
  ['PostgreSQL', 'postgres' as const, await postgresAvailable()],
])('sensors on %s', (_title, kind, available) => {
  describe.skipIf(!available)('with one process', () => {
    let ground: AutomationGround;
    let process: Process;
    let events: EventStore;
    let runner: SensorRunner;
    let projectDir: string;

    const runnerOf = (of: Process): SensorRunner => {
      const store = createEventStore(of.deps);
      return new SensorRunner({
        ...of.deps,
        store: ground.sensors.store,
        events: store,
        registry: createBuiltinSensors({
          projectDir,
          storage: of.storage,
          events: store,
          logger: silentLogger,
          condition: (expression, variables) => expressions.condition(expression, variables),
        }),
        eventRetentionMs: 86_400_000,
      });
    };

    beforeAll(async () => {
      ground = await AutomationGround.create(kind);
      process = await ground.startProcess({ execute: false });
    });
    beforeEach(async () => {
      await ground.reset(process.storage);
      projectDir = await mkdtemp(path.join(tmpdir(), 'agent33-sensors-'));
      events = createEventStore(process.deps);
      runner = runnerOf(process);
      ground.executor.scripts.set('report', () => Promise.resolve(answer('done')));
    });
    afterEach(() => rm(projectDir, { recursive: true, force: true }));
    afterAll(() => ground.close());

    const go = async (seconds: number, of = runner) => {
      ground.clock.jumpTo(noon + seconds * second);
      await of.tick();
    };
    const put = (type: string, config: object, more: object = {}) => {
      ground.sensors.put('watch', {
        type,
        config,
        interval: '1s',
        start: { agent: 'report' },
        inputs: { message: '{{ event }}', count: '{{ events | length }}' },
        ...more,
      });
      runner.changed();
    };
    const file = async (name: string, text: string) => {
      await mkdir(path.dirname(path.join(projectDir, name)), { recursive: true });
      await writeFile(path.join(projectDir, name), text);
    };
    /** What the runs were told, oldest first. */
    const told = async (): Promise<readonly JsonObject[]> => {
      const runs = await process.storage.db.selectFrom('runs').select('input').orderBy('id').execute();
      return runs.map((run) => JSON.parse((run.input as { message: string }).message) as JsonObject);
    };

    describe('file_change', () => {
      it('sees what came, changed and went, each once', async () => {
        await file('inbox/old.txt', 'old');
        put('file_change', { path: 'inbox/**/*.txt' });
        await go(0);
        expect(await told()).toEqual([]);
        await file('inbox/deep/new.txt', 'new');
        await file('inbox/not.md', 'no text');
        await go(1);
        await go(2);
        expect(await told()).toMatchObject([{ type: 'created', path: 'inbox/deep/new.txt', size: 3 }]);
        await file('inbox/old.txt', 'older');
        await rm(path.join(projectDir, 'inbox/deep/new.txt'));
        await go(3);
        expect((await told()).slice(1)).toMatchObject([
          { type: 'changed', path: 'inbox/old.txt' },
          { type: 'deleted', path: 'inbox/deep/new.txt' },
        ]);
      });

      it('sees what happened while no server ran', async () => {
        put('file_change', { path: 'inbox', events: ['created'] });
        await go(0);
        await runner.stop();
        await file('inbox/meanwhile.txt', 'here');
        const later = runnerOf(process);
        await go(600, later);
        expect(await told()).toMatchObject([{ type: 'created', path: 'inbox/meanwhile.txt' }]);
      });

      it('a file that was only touched did not change', async () => {
        await file('a.txt', 'same');
        put('file_change', { paths: ['a.txt'] });
        await go(0);
        await utimes(path.join(projectDir, 'a.txt'), 1_900_000_000, 1_900_000_000);
        await go(1);
        expect(await told()).toEqual([]);
      });

      it('does not leave the project through links', async () => {
        const outside = await mkdtemp(path.join(tmpdir(), 'agent33-outside-'));
        await symlink(outside, path.join(projectDir, 'inbox'));
        await mkdir(path.join(projectDir, 'own'));
        await symlink(outside, path.join(projectDir, 'own/link'));
        put('file_change', { paths: ['inbox/**', 'own/**'] });
        await go(0);
        await writeFile(path.join(outside, 'secret.txt'), 'secret');
        await go(1);
        expect(await told()).toEqual([]);
        await rm(outside, { recursive: true });
      });

      it('with a debounce one run stands for all of a busy phase, and it ends although it never gets quiet', async () => {
        put('file_change', { path: 'inbox' }, { debounce: '3s' });
        await go(0);
        await file('inbox/1.txt', '1');
        await go(1);
        await file('inbox/2.txt', '2');
        await go(2);
        await go(4);
        expect(await told()).toEqual([]);
        await go(5);
        const runs = await process.storage.db.selectFrom('runs').select('input').execute();
        expect(runs).toHaveLength(1);
        expect(runs[0]?.input).toMatchObject({ variables: { count: 2 } });
        for (let now = 6; now <= 40; now += 1) {
          await file(`inbox/busy-${now}.txt`, 'x');
          await go(now);
        }
        expect((await told()).length).toBeGreaterThanOrEqual(2);
      });

      it('works off more changes than one look may report, and refuses more files than allowed', async () => {
        put('file_change', { path: 'inbox' });
        await go(0);
        for (let index = 0; index < 150; index += 1) await file(`inbox/${index}.txt`, 'x');
        await go(1);
        await go(1.1);
        expect(new Set((await told()).map((event) => event['path'])).size).toBe(150);
        put('file_change', { path: 'inbox', max_files: 100 });
        await go(2);
        const service = createSensorService({ ...process.deps, store: ground.sensors.store });
        expect(await service.status(scope, 'watch')).toMatchObject({
          lastError: expect.stringContaining('more than 100 files') as string,
        });
      });
    });

    describe('freshness', () => {
      it('fires once each time something is older than allowed, and recovers', async () => {
        const touch = (seconds: number) =>
          utimes(path.join(projectDir, 'data.csv'), noon / 1000 + seconds, noon / 1000 + seconds);
        await file('data.csv', 'x');
        await touch(0);
        put('freshness', { path: 'data.csv', max_age: '10s' });
        for (const now of [0, 10]) await go(now);
        expect(await told()).toEqual([]);
        for (const now of [11, 12, 13]) await go(now);
        expect(await told()).toEqual([
          {
            subject: 'data.csv',
            newest_at: '2026-01-01T12:00:00.000Z',
            age_seconds: 11,
            max_age_seconds: 10,
          },
        ]);
        await touch(14);
        for (const now of [14, 24, 25, 26]) await go(now);
        expect(await told()).toHaveLength(2);
      });

      it('also of events and of runs, where none is as old as the sensor', async () => {
        put('freshness', { event: 'beat.*', max_age: '5s' });
        await go(0);
        await events.publish(scope, { name: 'beat.door', payload: null });
        await go(5);
        expect(await told()).toEqual([]);
        await go(6);
        expect(await told()).toMatchObject([{ subject: 'beat.*', age_seconds: 6 }]);
        put('freshness', { run: 'report', max_age: '5s' });
        await go(7);
        await go(13);
        expect(await told()).toMatchObject([{ subject: 'beat.*' }, { subject: 'report', newest_at: null }]);
      });
    });

    describe('event', () => {
      it('sees events by pattern and filter, once, in order, from its beginning on', async () => {
        await events.publish(scope, { name: 'order.paid', payload: { amount: 900 } });
        put('event', { name: 'order.*', filter: 'event.payload.amount > 100' });
        await go(0);
        for (const [name, amount] of [
          ['order.paid', 500],
          ['order.paid', 5],
          ['user.new', 500],
          ['order.sent', 700],
        ] as const)
          await events.publish(scope, { name, payload: { amount } });
        await events.publish(scope, { name: 'order.paid', payload: 'no amount' });
        await go(1);
        await go(2);
        expect((await told()).map((event) => [event['name'], event['payload']])).toEqual([
          ['order.paid', { amount: 500 }],
          ['order.sent', { amount: 700 }],
        ]);
      });

      it('the same id is the same event, and another event under it is refused', async () => {
        put('event', { name: 'order.>' });
        await go(0);
        const event = { name: 'order.paid.late', payload: { amount: 1 }, id: 'evt-7' };
        expect(await events.publish(scope, event)).toEqual({ id: 'evt-7', duplicate: false });
        expect(await events.publish(scope, event)).toEqual({ id: 'evt-7', duplicate: true });
        await expect(events.publish(scope, { ...event, payload: 2 })).rejects.toMatchObject({
          code: 'idempotency_mismatch',
        });
        await expect(events.publish(scope, { name: 'no good', payload: 1 })).rejects.toMatchObject({
          code: 'invalid_request',
        });
        await go(1);
        expect(await told()).toHaveLength(1);
      });

      it('looks at once when something is published', async () => {
        put('event', { name: 'now' }, { interval: '1h' });
        await go(0);
        await events.publish(scope, { name: 'now', payload: 1 });
        await go(1);
        expect(await told()).toEqual([]);
        runner.published();
        await go(2);
        expect(await told()).toHaveLength(1);
      });
    });

    it('what cannot be started goes to the desk, and what comes later goes on', async () => {
      put('event', { name: 'go' }, { start: { agent: 'nobody' } });
      await go(0);
      await events.publish(scope, { name: 'go', payload: 1 });
      await go(1);
      const letters = await process.storage.db.selectFrom('dead_letters').selectAll().execute();
      expect(letters).toMatchObject([
        {
          kind: 'sensor',
          ref_id: 'watch',
          reason: 'there is no agent "nobody"',
          payload: { sensor: 'watch' },
        },
      ]);
      put('event', { name: 'go' });
      await events.publish(scope, { name: 'go', payload: 2 });
      await go(2);
      expect((await told()).map((event) => event['payload'])).toEqual([2]);
    });

    it('pauses, and sees afterwards what happened meanwhile', async () => {
      const service = createSensorService({ ...process.deps, store: ground.sensors.store });
      put('event', { name: 'go' });
      await go(0);
      await service.pause({ ...scope, principal: 'user:ada' }, 'watch');
      await events.publish(scope, { name: 'go', payload: 1 });
      await go(5);
      expect(await told()).toEqual([]);
      expect(await service.status(scope, 'watch')).toMatchObject({ paused: { by: 'user:ada' } });
      await service.resume(scope, 'watch');
      await go(6);
      expect(await told()).toHaveLength(1);
    });

    it('runs by itself and stops', async () => {
      put('event', { name: 'go' });
      await runner.start();
      await ground.clock.untilPending();
      expect(ground.clock.pending).toBeGreaterThan(0);
      await runner.stop();
      expect(ground.clock.pending).toBe(0);
    });
  });
});

describe.skipIf(!(await postgresAvailable()))('sensors of three processes on one PostgreSQL', () => {
  it('one run for each event, also when processes die at the commit and others take over', async () => {
    const ground = await AutomationGround.create('postgres');
    ground.executor.scripts.set('report', () => Promise.resolve(answer('done')));
    ground.sensors.put('watch', {
      type: 'event',
      config: { name: 'go' },
      interval: '1s',
      start: { agent: 'report' },
      inputs: { message: '{{ event.payload }}' },
    });
    try {
      let deaths = 0;
      const failpoint = (name: string): void => {
        if (name !== 'sensor-before-commit' && name !== 'submit-before-commit') return;
        deaths += 1;
        if (deaths % 4 === 1) throw new AggregateError([], 'killed here');
      };
      const processes = [];
      for (let index = 0; index < 3; index += 1)
        processes.push(await ground.startProcess({ execute: false, ...(index === 0 ? { failpoint } : {}) }));
      const runners = processes.map((one) => {
        const store = createEventStore(one.deps);
        return new SensorRunner({
          ...one.deps,
          store: ground.sensors.store,
          events: store,
          registry: createBuiltinSensors({
            projectDir: '/nowhere',
            storage: one.storage,
            events: store,
            logger: silentLogger,
            condition: () => true,
          }),
          eventRetentionMs: 86_400_000,
        });
      });
      for (const runner of runners) await runner.tick();
      const [first] = processes;
      if (first === undefined) throw new Error('no process');
      const stores = processes.map((one) => createEventStore(one.deps));
      for (let round = 1; round <= 40; round += 1) {
        // Published side by side, from every process.
        await Promise.all(
          stores.map((store, index) => store.publish(scope, { name: 'go', payload: round * 10 + index })),
        );
        // Far enough for leases to run out.
        ground.clock.jumpTo(noon + round * 60_000);
        await Promise.all(runners.map((runner) => runner.tick()));
      }
      for (let more = 41; more <= 50; more += 1) {
        ground.clock.jumpTo(noon + more * 60_000);
        for (const runner of runners) await runner.tick();
      }
      const runs = await first.storage.db.selectFrom('runs').select('input').execute();
      const seen = runs.map((run) => (run.input as { message: string }).message);
      expect(deaths).toBeGreaterThan(0);
      expect(seen).toHaveLength(120);
      expect(new Set(seen).size).toBe(120);
      expect(await first.storage.db.selectFrom('dead_letters').selectAll().execute()).toEqual([]);
    } finally {
      await ground.close();
    }
  }, 120_000);
});
