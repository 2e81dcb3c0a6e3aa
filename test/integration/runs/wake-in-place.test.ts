import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/base/index.ts';
import { ActivityMonitor } from '../../../src/engine/runs/activity-monitor.ts';
import { InPlaceWaker } from '../../../src/engine/runs/wake-in-place.ts';
import { FakeClock } from '../../../src/testing/fake-clock.ts';
import { answer, onBothDatabases, type RunGround } from './run-ground.ts';

await onBothDatabases((prepare) => {
  describe('a wait in memory whose notification got lost', () => {
    let ground: RunGround;
    beforeAll(async () => {
      ground = await prepare();
      await ground.open();
    });
    afterAll(() => ground.close());

    it('is answered by the look that comes with a renewed connection or every 30 seconds', async () => {
      const name = ground.script(async (context) => {
        await Promise.all([context.waitForSignal('a', 'one'), context.waitForSignal('b', 'two')]);
        return answer('never');
      });
      const runId = await ground.submit(name);
      await ground.untilStatus(runId, 'waiting');

      // The same run as another process has it in memory, busy with something else.
      const clock = new FakeClock();
      const monitor = new ActivityMonitor(clock);
      const activity = monitor.join({ runId, parent: undefined, onSuspend: () => {} });
      const looks = { a: 0, b: 0 };
      for (const key of ['a', 'b'] as const) {
        void activity.until({ runId, key }, () => {
          looks[key] += 1;
          return Promise.resolve({ dueAt: null });
        });
      }
      const waker = new InPlaceWaker(
        { storage: ground.storage, clock, logger: silentLogger },
        new Map([[runId, monitor]]),
      );
      waker.start();
      await clock.advance(30_000);
      // That look has been made before anything arrives.
      await waker.stop();
      waker.start();
      const arrive = (signal: string) =>
        ground.storage.db
          .insertInto('run_signals')
          .values({
            id: randomUUID(),
            run_id: runId,
            name: signal,
            payload: 'null',
            principal: 'test',
            consumed_by: null,
            created_at: new Date(),
          })
          .execute();
      await arrive('two');
      expect(looks).toEqual({ a: 1, b: 1 });
      await clock.advance(30_000);
      await expect.poll(() => looks).toEqual({ a: 1, b: 2 });
      await arrive('one');
      waker.signalled(undefined);
      await expect.poll(() => looks.a).toBe(2);
      await waker.stop();
      monitor.stop();
    });
  });
});
