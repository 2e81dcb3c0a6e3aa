import { afterAll, beforeAll, expect, it } from 'vitest';
import { sql } from 'kysely';
import { silentLogger as logger } from '../../../src/base/index.ts';
import { EventPoll } from '../../../src/engine/runs/event-poll.ts';
import { FakeClock } from '../../../src/testing/fake-clock.ts';
import { openPglite, type TestBase } from './databases.ts';

let base: TestBase;
beforeAll(async () => {
  base = await openPglite();
  // Only the events matter here.
  await sql`alter table run_events drop constraint run_events_run_id_fkey`.execute(base.storage.db);
});
afterAll(() => base.close());

it('looks for the events of all followers at once, and tells those who have not seen them', async () => {
  const store = (runId: string, first: number, last: number) =>
    sql`insert into run_events (run_id, first_sequence, last_sequence, events)
      values (${runId}, ${first}::int, ${last}::int, '[]')`.execute(base.storage.db);
  await store('run_a', 1, 4);
  let looks = 0;
  const storage = new Proxy(base.storage, {
    get: (target, name) => {
      if (name !== 'db') return Reflect.get(target, name) as unknown;
      looks += 1;
      return target.db;
    },
  });
  const clock = new FakeClock();
  const poll = new EventPoll({ storage, clock, logger });
  const told: string[] = [];
  const leave = [
    poll.follow('run_a', 3, () => told.push('a after 3')),
    poll.follow('run_a', 4, () => told.push('a after 4')),
    poll.follow('run_b', 0, () => told.push('b')),
  ];
  await clock.advance(2000);
  await expect.poll(() => told).toEqual(['a after 3']);
  expect(looks).toBe(1);
  leave[0]?.();
  await store('run_b', 1, 1);
  await clock.advance(2000);
  await expect.poll(() => told).toEqual(['a after 3', 'b']);
  expect(looks).toBe(2);
  for (const go of leave) go();
  expect(clock.pending).toBe(0);
});
