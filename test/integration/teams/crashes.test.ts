import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger, systemClock } from '../../../src/base/index.ts';
import { RunInterruption } from '../../../src/engine/runs/interruptions.ts';
import { PostgresStorage, type Storage } from '../../../src/platform/storage/index.ts';
import { createTestDatabase, postgresAvailable } from '../../../src/testing/test-database.ts';
import { ask, call, notingTool, TeamGround } from './team-ground.ts';

/** Ends the execution at the n-th time that a step has been recorded, wherever in the tree that is. */
function endAt(ground: TeamGround, moment: string, count: number) {
  const ended = Promise.withResolvers<'ended'>();
  let passed = 0;
  ground.failpoint = (name) => {
    if (name !== moment) return;
    passed += 1;
    if (passed !== count) return;
    ended.resolve('ended');
    throw new RunInterruption('shutdown', 'the process ends here');
  };
  return ended.promise;
}

const modes = {
  coordinate: {
    lead: (a: string, b: string) => [ask([a, '1'], [b, '2']), ask([a, '3']), 'merged'],
    members: () => [
      [call('send', { text: 'a1' }), 'a one', 'a three'],
      [call('send', { text: 'b2' }), 'b two'],
    ],
    text: 'merged',
    calls: [3, 3, 2],
    sent: ['a1', 'b2'],
  },
  collaborate: {
    lead: () => ['merged'],
    members: () => [[call('send', { text: 'a1' }), 'a'], ['b']],
    text: 'merged',
    calls: [1, 2, 1],
    sent: ['a1'],
  },
  route: {
    lead: (_a: string, b: string) => [JSON.stringify({ member: b, reason: '' })],
    members: () => [[], [call('send', { text: 'b1' }), 'b']],
    text: 'b',
    calls: [1, 0, 2],
    sent: ['b1'],
  },
  handoff: {
    lead: () => [],
    members: (b: string) => [
      [call('send', { text: 'a1' }), call(`transfer_to_${b}`, { reason: 'r' })],
      [call('send', { text: 'b1' }), 'b'],
    ],
    text: 'b',
    calls: [0, 2, 2],
    sent: ['a1', 'b1'],
  },
};

/** What teams promise on every database. */
function describeCrashes(prepare: () => Promise<{ storage?: Storage; drop: () => Promise<void> }>): void {
  let ground: TeamGround;
  let drop: () => Promise<void>;
  const sent: string[] = [];
  beforeAll(async () => {
    const prepared = await prepare();
    drop = prepared.drop;
    ground = new TeamGround(prepared.storage);
    ground.tools.register(notingTool('send', sent));
    await ground.start();
  });
  afterEach(() => {
    ground.failpoint = () => {};
  });
  afterAll(async () => {
    await ground.close();
    await drop();
  });

  describe.each(Object.entries(modes))('a team in mode %s', (mode, script) => {
    it('comes to the same wherever its process ends, and pays for no model call twice', async () => {
      for (let count = 1; ; count += 1) {
        const [a, b, lead] = [ground.unique('a'), ground.unique('b'), ground.unique('lead')];
        ground.script(lead, script.lead(a, b));
        const [ofA, ofB] = script.members(b);
        ground.agent(a, ofA ?? [], { tools: ['send'] });
        ground.agent(b, ofB ?? [], { tools: ['send'] });
        const team = ground.define('team', ground.unique('team'), { mode, members: [a, b], model: lead });
        sent.length = 0;
        const ended = endAt(ground, 'step-recorded', count);
        const runId = await ground.submit({ kind: 'team', name: team });
        const answered = ground.response(runId);
        const first = await Promise.race([ended, answered]);
        if (first === 'ended') await ground.hurry();
        const { text, status, error } = await answered;
        expect({ status, error }, `ended at step ${count}`).toEqual({ status: 'completed', error: null });
        expect(text).toBe(script.text);
        expect([lead, a, b].map((model) => ground.model(model).calls.length)).toEqual(script.calls);
        expect(sent.toSorted()).toEqual(script.sent);
        if (first !== 'ended') {
          expect(count).toBeGreaterThan(2);
          return;
        }
      }
    });
  });

  it('a team with a budget comes to the same refusals wherever its process ends', async () => {
    for (let count = 1; ; count += 1) {
      const [a, b, lead] = [ground.unique('a'), ground.unique('b'), ground.unique('lead')];
      ground.script(lead, [ask([a, '1'], [b, '2'], [a, '3'])]);
      ground.agent(a, [{ text: 'a', usage: { costUsd: 0.2 } }]);
      ground.agent(b, [{ text: 'b', usage: { costUsd: 0.2 } }]);
      const team = ground.define('team', ground.unique('team'), {
        mode: 'coordinate',
        members: [a, b],
        model: lead,
        limits: { budgetUsd: 0.1, parallel: 2 },
      });
      const ended = endAt(ground, 'step-recorded', count);
      const runId = await ground.submit({ kind: 'team', name: team });
      const answered = ground.response(runId);
      const first = await Promise.race([ended, answered]);
      if (first === 'ended') await ground.hurry();
      const { error } = await answered;
      expect(error, `ended at step ${count}`).toMatchObject({
        code: 'limit_exceeded',
        details: { usd: 0.4 },
      });
      expect([lead, a, b].map((model) => ground.model(model).calls.length)).toEqual([1, 1, 1]);
      if (first !== 'ended') break;
    }
  });
}

describe('on the embedded database', () => {
  describeCrashes(() => Promise.resolve({ drop: () => Promise.resolve() }));
});

describe.skipIf(!(await postgresAvailable()))('on PostgreSQL', () => {
  describeCrashes(async () => {
    const database = await createTestDatabase();
    const storage = new PostgresStorage({
      url: database.url,
      poolSize: 10,
      migrate: true,
      clock: systemClock,
      logger: silentLogger,
    });
    return { storage, drop: () => database.drop() };
  });
});
