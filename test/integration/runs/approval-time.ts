import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunEngine, RunEngineDeps } from '../../../src/engine/runs/index.ts';
import { sweepApprovals } from '../../../src/engine/runs/approvals/approval-sweeper.ts';
import type { Queue } from '../../../src/platform/queue/index.ts';
import type { Storage } from '../../../src/platform/storage/index.ts';
import type { ReplyAddress } from '../../../src/protocol/index.ts';
import { FakeClock } from '../../../src/testing/fake-clock.ts';
import { answer, ApprovalGround, person, requester, toApprove } from './approval-ground.ts';

const minute = 60_000;
const chat: ReplyAddress = { channel: 'telegram', platform: 'telegram', accountId: '4242', chatId: '7' };

/** What time brings to approvals, on a clock of the test and with several processes at once. */
export function describeApprovalTime(
  title: string,
  prepare: () => Promise<{ storage: Storage; queue: Queue; close(): Promise<void> }>,
): void {
  describe(title, () => {
    let ground: ApprovalGround;
    let close: () => Promise<void>;
    let clock: FakeClock;
    let engine: RunEngine;
    /** Three processes that look at the same moment. */
    let processes: readonly RunEngineDeps[];
    beforeAll(async () => {
      const parts = await prepare();
      ground = new ApprovalGround(parts);
      close = () => parts.close();
    });
    afterAll(() => close());

    /** A run that waits with one approval; its engine is gone, and the clock stands at the moment of asking. */
    async function ask(rules: object): Promise<{ id: string; runId: string }> {
      const name = ground.script(async (context) => {
        const { status, decidedBy } = await context.approve('a', toApprove({ rules }));
        return answer(`${status} by ${String(decidedBy)}`);
      });
      const asking = await ground.startEngine();
      const runId = await ground.submit(asking, name, { replyTo: chat });
      const [asked] = await ground.asked(asking, runId);
      await ground.untilStatus(runId, 'waiting');
      await asking.stop();
      clock = new FakeClock(Date.parse(asked?.createdAt ?? ''));
      engine = ground.idleEngine(clock);
      processes = [1, 2, 3].map(() => ground.engineDeps({ clock }));
      return { id: asked?.id ?? '', runId };
    }

    /** The sweep of every process after some time; how many of them queued a run. */
    async function sweepAfter(milliseconds: number): Promise<number> {
      await clock.advance(milliseconds);
      const woken = await Promise.all(processes.map((deps) => sweepApprovals(deps)));
      return woken.filter(Boolean).length;
    }

    const notices = async (runId: string): Promise<readonly string[]> => {
      const rows = await ground.storage.db
        .selectFrom('outbox')
        .select('notice')
        .where('run_id', '=', runId)
        .where('kind', '=', 'notice')
        .orderBy('created_at')
        .execute();
      return rows.map((row) => row.notice?.occasion ?? 'none');
    };

    it('reminds once per interval, whatever the number of processes, and makes up for nothing', async () => {
      const { id, runId } = await ask({ remindEvery: '10m' });
      await sweepAfter(10 * minute - 1);
      expect(await notices(runId)).toEqual(['asked']);
      await sweepAfter(1);
      await sweepAfter(1);
      expect(await notices(runId)).toEqual(['asked', 'reminder']);
      // No process for a day, then one reminder and the next one ten minutes later.
      await sweepAfter(24 * 60 * minute);
      expect(await notices(runId)).toEqual(['asked', 'reminder', 'reminder']);
      await sweepAfter(9 * minute);
      expect(await engine.approvals.get(requester, id)).toMatchObject({ reminders: 2 });
      await sweepAfter(minute);
      expect(await engine.approvals.get(requester, id)).toMatchObject({ reminders: 3, status: 'pending' });
      await engine.approvals.decide(requester, id, { decision: 'reject' });
      await sweepAfter(60 * minute);
      expect(await notices(runId)).toHaveLength(4);
    });

    it('escalates once, and from then on lets those decide to whom it went', async () => {
      const rules = {
        approvers: ['user:ada'],
        escalateAfter: '30m',
        escalateTo: ['user:boss'],
        remindEvery: '20m',
      };
      const { id, runId } = await ask(rules);
      const boss = person('user:boss');
      await expect(engine.approvals.decide(boss, id, { decision: 'approve' })).rejects.toMatchObject({
        code: 'forbidden',
      });
      await sweepAfter(20 * minute);
      await sweepAfter(10 * minute);
      await sweepAfter(1);
      expect(await notices(runId)).toEqual(['asked', 'reminder', 'escalation']);
      // Told by the escalation, nobody needs the reminder of ten minutes later.
      await sweepAfter(10 * minute);
      expect(await notices(runId)).toHaveLength(3);
      expect(await engine.approvals.decide(boss, id, { decision: 'approve' })).toMatchObject({
        status: 'approved',
        decidedAs: 'escalation',
      });
    });

    it.each([
      { chosen: 'approve', outcome: 'approved' },
      { chosen: 'reject', outcome: 'rejected' },
      { chosen: 'fail', outcome: 'expired' },
    ])('lets a deadline with default "$chosen" decide once: $outcome', async ({ chosen, outcome }) => {
      const { id, runId } = await ask({ deadline: '1h', default: chosen, remindEvery: '1h' });
      expect(await sweepAfter(60 * minute - 1)).toBe(0);
      expect(await sweepAfter(1)).toBe(1);
      expect(await sweepAfter(1)).toBe(0);
      expect(await engine.approvals.get(requester, id)).toMatchObject({
        status: outcome,
        decidedBy: null,
        decidedAs: null,
        decidedAt: new Date(clock.now() - 1).toISOString(),
      });
      // Decided, so nobody is reminded of it.
      expect(await notices(runId)).toEqual(['asked']);
      const working = await ground.startEngine();
      expect((await ground.response(working, runId)).text).toBe(`${outcome} by null`);
      await working.stop();
    });

    it('lets a person and the deadline come at the same time, and one of them decide', async () => {
      for (let round = 0; round < 5; round += 1) {
        const { id, runId } = await ask({ deadline: '1h', default: 'reject' });
        await clock.advance(60 * minute - 1);
        const [decision] = await Promise.allSettled([
          engine.approvals.decide(person('user:ada'), id, { decision: 'approve' }),
          clock.advance(1).then(() => Promise.all(processes.map((deps) => sweepApprovals(deps)))),
        ]);
        const { status } = await engine.approvals.get(requester, id);
        expect(status).toBe(decision.status === 'fulfilled' ? 'approved' : 'rejected');
        const working = await ground.startEngine();
        const who = status === 'approved' ? 'user:ada' : 'null';
        expect((await ground.response(working, runId)).text).toBe(`${status} by ${who}`);
        await working.stop();
      }
    });

    it('sends each notice as one job of the conversation', async () => {
      const { runId } = await ask({ remindEvery: '1m' });
      await sweepAfter(minute);
      const jobs = await ground.deliveryJobs(runId);
      expect(jobs).toEqual(['telegram:4242:7', 'telegram:4242:7']);
    });
  });
}
