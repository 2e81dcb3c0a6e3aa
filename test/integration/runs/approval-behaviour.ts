import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, type Json } from '../../../src/base/index.ts';
import { SqlRunStore, type RunContext, type RunEngine } from '../../../src/engine/runs/index.ts';
import type { Queue } from '../../../src/platform/queue/index.ts';
import type { Storage } from '../../../src/platform/storage/index.ts';
import type { ApprovalOutcome, StoredRunEvent } from '../../../src/protocol/index.ts';
import { answer, ApprovalGround, person, requester, soon, toApprove } from './approval-ground.ts';

const ada = person('user:ada');
const bob = person('user:bob');

/** All orders of three. */
const orders = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
] as const;

/** What every storage and queue must let approvals promise. */
export function describeApprovals(
  title: string,
  prepare: () => Promise<{ storage: Storage; queue: Queue; close(): Promise<void> }>,
): void {
  describe(title, () => {
    let ground: ApprovalGround;
    let engine: RunEngine;
    let close: () => Promise<void>;
    beforeAll(async () => {
      const parts = await prepare();
      ground = new ApprovalGround(parts);
      close = () => parts.close();
      engine = await ground.startEngine();
    });
    afterAll(async () => {
      await ground.close();
      await close();
    });

    /** Counts what it does; each name is one effect on the world. */
    function effects() {
      const done: string[] = [];
      const effect = (context: RunContext, name: string): Promise<Json> =>
        context.step(
          name,
          'action',
          () => {
            done.push(name);
            return Promise.resolve(null);
          },
          { input: name },
        );
      return { done, effect };
    }

    it('waits for a person as rows and goes on with the decision, each step done once', async () => {
      const { done, effect } = effects();
      let outcome: ApprovalOutcome | undefined;
      const name = ground.script(async (context) => {
        await effect(context, 'before');
        outcome = await context.approve('mail', toApprove());
        await effect(context, 'after');
        return answer(outcome.status);
      });
      const runId = await ground.submit(engine, name);
      await ground.untilStatus(runId, 'waiting');
      expect((await new SqlRunStore(ground.storage).get(requester, runId)).waitingFor).toEqual(['mail']);
      const [asked] = await ground.asked(engine, runId);
      expect(asked).toMatchObject({
        runId,
        status: 'pending',
        title: 'Send the mail?',
        subject: { action: 'send_mail', arguments: { to: 'ada@example.org', text: 'hi' } },
        requestedBy: 'key:requester',
        argumentsHash: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      });
      const id = asked?.id ?? '';
      const decided = await engine.approvals.decide(ada, id, { decision: 'approve', comment: 'go on' });
      expect(decided).toMatchObject({ status: 'approved', decidedBy: 'user:ada', decidedAs: 'permission' });
      expect((await ground.response(engine, runId)).text).toBe('approved');
      expect(outcome).toMatchObject({
        approvalId: id,
        comment: 'go on',
        decidedBy: 'user:ada',
        answer: null,
      });
      expect(done).toEqual(['before', 'after']);
      const steps = await new SqlRunStore(ground.storage).steps(requester, runId);
      expect(steps.find((step) => step.key === 'mail')).toMatchObject({
        kind: 'approval',
        status: 'completed',
      });
    });

    it('tells a watcher what is asked and what was decided, also one that comes later', async () => {
      const name = ground.script(async (context) => answer((await context.approve('a', toApprove())).status));
      const runId = await ground.submit(engine, name);
      const seen: StoredRunEvent[] = [];
      for await (const stored of engine.events(requester, runId, { after: 0, signal: soon() })) {
        seen.push(stored);
        if (stored.event.type === 'approval-requested')
          await engine.approvals.decide(ada, stored.event.approvalId, { decision: 'reject' });
      }
      const types = seen.map((stored) => stored.event.type).filter((type) => type.startsWith('approval'));
      expect(types).toEqual(['approval-requested', 'approval-decided']);
      const later: StoredRunEvent[] = [];
      for await (const stored of engine.events(requester, runId, { after: 0, signal: soon() }))
        later.push(stored);
      expect(later.map((stored) => stored.event.type)).toEqual(seen.map((stored) => stored.event.type));
    });

    it('takes a decision that comes before the run has left memory', async () => {
      for (let round = 0; round < 10; round += 1) {
        const { done, effect } = effects();
        const name = ground.script(async (context) => {
          const { status } = await context.approve('a', toApprove());
          await effect(context, 'after');
          return answer(status);
        });
        const runId = await ground.submit(engine, name);
        for await (const { event } of engine.events(requester, runId, { after: 0, signal: soon() })) {
          if (event.type !== 'approval-requested') continue;
          await engine.approvals.decide(ada, event.approvalId, { decision: 'approve' });
          break;
        }
        expect((await ground.response(engine, runId)).text).toBe('approved');
        expect(done).toEqual(['after']);
      }
    });

    it.each(orders)('lets three parallel approvals be answered in the order %i %i %i', async (...order) => {
      const { done, effect } = effects();
      const name = ground.script(async (context) => {
        const outcomes = await Promise.all(
          [0, 1, 2].map(async (index) => {
            const { status } = await context.approve(`ask-${index}`, toApprove());
            await effect(context, `effect-${index}`);
            return status;
          }),
        );
        return answer(outcomes.join(' '));
      });
      const runId = await ground.submit(engine, name);
      const asked = await ground.asked(engine, runId, 3);
      for (const index of order) {
        const one = asked.find((approval) => approval.stepKey === `ask-${index}`);
        await engine.approvals.decide(ada, one?.id ?? '', { decision: index === 1 ? 'reject' : 'approve' });
      }
      expect((await ground.response(engine, runId)).text).toBe('approved rejected approved');
      expect(done.toSorted()).toEqual(['effect-0', 'effect-1', 'effect-2']);
    });

    it('takes three answers at once', async () => {
      const { done, effect } = effects();
      const name = ground.script(async (context) => {
        const outcomes = await Promise.all(
          [0, 1, 2].map(async (index) => {
            const { decidedBy } = await context.approve(`ask-${index}`, toApprove());
            await effect(context, `effect-${index}`);
            return decidedBy;
          }),
        );
        return answer(outcomes.join(' '));
      });
      const runId = await ground.submit(engine, name);
      const asked = await ground.asked(engine, runId, 3);
      await Promise.all(
        asked.map((one) =>
          engine.approvals.decide(person(`user:${one.stepKey}`), one.id, { decision: 'approve' }),
        ),
      );
      expect((await ground.response(engine, runId)).text).toBe('user:ask-0 user:ask-1 user:ask-2');
      expect(done.toSorted()).toEqual(['effect-0', 'effect-1', 'effect-2']);
    });

    it('lets the first of many decisions win and names it to the others', async () => {
      const { done, effect } = effects();
      const name = ground.script(async (context) => {
        const { status, decidedBy } = await context.approve('a', toApprove());
        await effect(context, 'after');
        return answer(`${status} by ${decidedBy ?? 'nobody'}`);
      });
      const runId = await ground.submit(engine, name);
      const [asked] = await ground.asked(engine, runId);
      const results = await Promise.allSettled(
        Array.from({ length: 12 }, (_, index) =>
          engine.approvals.decide(person(`user:${index}`), asked?.id ?? '', {
            decision: index % 2 === 0 ? 'approve' : 'reject',
          }),
        ),
      );
      const won = results.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      expect(won).toHaveLength(1);
      const winner = `${won[0]?.status ?? ''} by ${won[0]?.decidedBy ?? ''}`;
      for (const lost of results.flatMap((one) => (one.status === 'rejected' ? [one.reason as Error] : []))) {
        expect(lost).toMatchObject({ code: 'conflict', details: { decided_by: won[0]?.decidedBy } });
        expect(lost.message).toContain(winner);
      }
      expect((await ground.response(engine, runId)).text).toBe(winner);
      expect(done).toEqual(['after']);
    });

    it('takes the same decision by the same person again, and no other one', async () => {
      const name = ground.script(async (context) => answer((await context.approve('a', toApprove())).status));
      const runId = await ground.submit(engine, name);
      const [asked] = await ground.asked(engine, runId);
      const id = asked?.id ?? '';
      const first = await engine.approvals.decide(ada, id, { decision: 'approve' });
      expect(await engine.approvals.decide(ada, id, { decision: 'approve' })).toEqual(first);
      await expect(engine.approvals.decide(ada, id, { decision: 'reject' })).rejects.toMatchObject({
        code: 'conflict',
      });
      await expect(engine.approvals.decide(bob, id, { decision: 'approve' })).rejects.toThrow(
        /was approved by user:ada at \d{4}-/,
      );
      await ground.response(engine, runId);
      const { rows } = await sql<{ count: number }>`
        select count(*)::int as count from run_signals where run_id = ${runId}`.execute(ground.storage.db);
      expect(rows).toEqual([{ count: 1 }]);
    });

    it('is asked three runs deep without starting anything over', async () => {
      const { done, effect } = effects();
      const tool = ground.script(async (context) => {
        await effect(context, 'tool before');
        const { status } = await context.approve('mail', toApprove());
        await effect(context, 'tool after');
        return answer(status);
      });
      const inner = (target: string, title: string) =>
        ground.script(async (context) => {
          await effect(context, `${title} before`);
          const { output } = await context.child('next', { kind: 'agent', name: target }, {});
          await effect(context, `${title} after`);
          return answer((output as { text: string }).text);
        });
      const team = inner(tool, 'agent');
      const workflow = inner(team, 'team');
      const runId = await ground.submit(engine, workflow);
      await ground.untilStatus(runId, 'waiting');
      const [asked] = await ground.asked(engine, runId);
      expect(asked).toMatchObject({ rootRunId: runId, target: { name: tool } });
      expect(asked?.runId).not.toBe(runId);
      await engine.approvals.decide(ada, asked?.id ?? '', { decision: 'approve' });
      expect((await ground.response(engine, runId)).text).toBe('approved');
      expect(done).toEqual([
        'team before',
        'agent before',
        'tool before',
        'tool after',
        'agent after',
        'team after',
      ]);
      const runs = await ground.storage.db
        .selectFrom('runs')
        .select('id')
        .where('root_run_id', '=', runId)
        .execute();
      expect(runs).toHaveLength(3);
    });

    it('lets approvals of two children be answered one after the other, over restarts', async () => {
      const { done, effect } = effects();
      const child = ground.script(async (context) => {
        const { who } = context.input as { who: string };
        const first = await context.approve('first', toApprove());
        await effect(context, `${who} one`);
        const second = await context.approve('second', toApprove());
        await effect(context, `${who} two`);
        return answer(`${first.status} ${second.status}`);
      });
      const parent = ground.script(async (context) => {
        const outcomes = await Promise.all(
          ['a', 'b'].map((who) => context.child(who, { kind: 'agent', name: child }, { who })),
        );
        return answer(outcomes.map((one) => (one.output as { text: string }).text).join('; '));
      });
      const runId = await ground.submit(engine, parent);
      for (let round = 1; round <= 4; round += 1) {
        const asked = await ground.asked(engine, runId, Math.min(4, round + 1));
        const pending = asked.filter((one) => one.status === 'pending');
        await ground.untilStatus(runId, 'waiting');
        await engine.stop();
        const first = pending[0]?.id ?? '';
        // Nobody executes runs at this moment.
        await ground.idleEngine().approvals.decide(ada, first, { decision: 'approve' });
        engine = await ground.startEngine();
      }
      expect((await ground.response(engine, runId)).text).toBe('approved approved; approved approved');
      expect(done.toSorted()).toEqual(['a one', 'a two', 'b one', 'b two']);
    });

    it('is answered through another process while this one executes the run', async () => {
      const other = await ground.startEngine({ execute: false });
      const { done, effect } = effects();
      const working = Promise.withResolvers<undefined>();
      const name = ground.script(async (context) => {
        const [outcome] = await Promise.all([
          context.approve('a', toApprove()),
          context.step('work', 'action', () => working.promise.then(() => null), { input: null }),
        ]);
        await effect(context, 'after');
        return answer(`${outcome.status} ${outcome.comment ?? ''}`);
      });
      const runId = await ground.submit(engine, name);
      const [asked] = await ground.asked(other, runId);
      await other.approvals.decide(ada, asked?.id ?? '', { decision: 'approve', comment: 'from afar' });
      working.resolve(undefined);
      expect((await ground.response(engine, runId)).text).toBe('approved from afar');
      expect(done).toEqual(['after']);
      await other.stop();
    });

    it('hands rejection, answer and comment to the run', async () => {
      const name = ground.script(async (context) => {
        const no = await context.approve('no', toApprove());
        const many = await context.approve(
          'many',
          toApprove({
            kind: 'question',
            title: 'How many?',
            subject: null,
            answerSchema: { type: 'integer', minimum: 1 },
          }),
        );
        return answer(JSON.stringify([no.status, no.comment, many.status, many.answer]));
      });
      const runId = await ground.submit(engine, name);
      const [first] = await ground.asked(engine, runId);
      await engine.approvals.decide(ada, first?.id ?? '', { decision: 'reject', comment: 'too early' });
      const [, second] = await ground.asked(engine, runId, 2);
      const id = second?.id ?? '';
      await expect(engine.approvals.decide(ada, id, { decision: 'answer', answer: 0 })).rejects.toMatchObject(
        {
          code: 'invalid_request',
          message: 'answer: must be >= 1',
        },
      );
      await expect(engine.approvals.decide(ada, id, { decision: 'answer' })).rejects.toMatchObject({
        code: 'invalid_request',
      });
      expect(await engine.approvals.get(ada, id)).toMatchObject({ status: 'pending' });
      await engine.approvals.decide(ada, id, { decision: 'answer', answer: 7 });
      expect((await ground.response(engine, runId)).text).toBe('["rejected","too early","answered",7]');
    });

    it('refuses a decision about other arguments than those that were shown', async () => {
      const name = ground.script(async (context) => answer((await context.approve('a', toApprove())).status));
      const runId = await ground.submit(engine, name);
      const [asked] = await ground.asked(engine, runId);
      const id = asked?.id ?? '';
      await expect(
        engine.approvals.decide(ada, id, { decision: 'approve', argumentsHash: '0'.repeat(64) }),
      ).rejects.toMatchObject({
        code: 'conflict',
        message: expect.stringContaining('arguments_hash') as string,
      });
      expect(await engine.approvals.get(ada, id)).toMatchObject({ status: 'pending' });
      const decided = { decision: 'approve', argumentsHash: asked?.argumentsHash } as const;
      expect(await engine.approvals.decide(ada, id, decided)).toMatchObject({ status: 'approved' });
      await ground.response(engine, runId);
    });

    it.each([
      { when: 'before it is decided', decide: false },
      { when: 'after it was decided', decide: true },
    ])('ends a run that asks with changed arguments $when', async ({ decide }) => {
      const { done, effect } = effects();
      let text = 'hi';
      const name = ground.script(async (context) => {
        const subject = { action: 'send_mail', arguments: { to: 'ada@example.org', text } };
        const [, outcome] = await Promise.all([
          context.waitForSignal('go', 'go'),
          context.approve('mail', toApprove({ subject })),
        ]);
        await effect(context, 'mail sent');
        return answer(outcome.status);
      });
      const runId = await ground.submit(engine, name);
      const [asked] = await ground.asked(engine, runId);
      await ground.untilStatus(runId, 'waiting');
      text = 'you owe me money';
      if (decide) await engine.approvals.decide(ada, asked?.id ?? '', { decision: 'approve' });
      else await engine.signal(requester, runId, { id: 'go', name: 'go', payload: null });
      const { error } = await ground.response(engine, runId);
      expect(error).toMatchObject({
        code: 'nondeterministic_run',
        details: { changed: ['arguments.text'], approvalId: asked?.id },
      });
      expect(done).toEqual([]);
    });

    it('names the change also when the decision is in the journal already', async () => {
      let to = 'ada@example.org';
      const name = ground.script(async (context) => {
        const outcome = await context.approve(
          'mail',
          toApprove({ subject: { action: 'send_mail', arguments: { to } } }),
        );
        await context.waitForSignal('go', 'go');
        return answer(outcome.status);
      });
      const runId = await ground.submit(engine, name);
      const [asked] = await ground.asked(engine, runId);
      await engine.approvals.decide(ada, asked?.id ?? '', { decision: 'approve' });
      await expect
        .poll(async () => (await new SqlRunStore(ground.storage).get(requester, runId)).waitingFor, {
          timeout: 10_000,
        })
        .toEqual(['go']);
      to = 'eve@example.org';
      await engine.signal(requester, runId, { id: 'go', name: 'go', payload: null });
      expect((await ground.response(engine, runId)).error).toMatchObject({
        code: 'nondeterministic_run',
        details: { changed: ['arguments.to'] },
      });
    });

    it('refuses a schema that cannot be used when it is asked', async () => {
      const name = ground.script(async (context) => {
        await context.approve('a', toApprove({ kind: 'question', answerSchema: { type: 'no such type' } }));
        return answer('never');
      });
      const runId = await ground.submit(engine, name);
      expect((await ground.response(engine, runId)).error).toMatchObject({ code: 'invalid_definition' });
    });

    it('cancels what a run and its children ask when the run ends', async () => {
      const child = ground.script(async (context) =>
        answer((await context.approve('c', toApprove())).status),
      );
      const parent = ground.script(async (context) => {
        await Promise.all([
          context.approve('p', toApprove()),
          context.child('child', { kind: 'agent', name: child }, {}),
        ]);
        return answer('never');
      });
      const runId = await ground.submit(engine, parent);
      const asked = await ground.asked(engine, runId, 2);
      await ground.untilStatus(runId, 'waiting');
      await engine.cancel(requester, runId);
      for (const { id } of asked) {
        expect(await engine.approvals.get(ada, id)).toMatchObject({ status: 'cancelled', decidedBy: null });
        await expect(engine.approvals.decide(ada, id, { decision: 'approve' })).rejects.toThrow(
          'was cancelled: its run has ended',
        );
      }
      expect((await ground.response(engine, runId)).error).toMatchObject({ code: 'cancelled' });
    });

    it('cancels what nobody answered when the run goes on without it', async () => {
      const child = ground.script(async (context) =>
        answer((await context.approve('c', toApprove())).status),
      );
      const name = ground.script(async (context) => {
        const first = await Promise.race([
          context.child('child', { kind: 'agent', name: child }, {}).then(() => 'child'),
          context.approve('a', toApprove()).then(() => 'a'),
        ]);
        return answer(first);
      });
      const runId = await ground.submit(engine, name);
      const asked = await ground.asked(engine, runId, 2);
      const own = asked.find((one) => one.runId === runId);
      const other = asked.find((one) => one.runId !== runId);
      await engine.approvals.decide(ada, own?.id ?? '', { decision: 'approve' });
      expect((await ground.response(engine, runId)).text).toBe('a');
      expect(await engine.approvals.get(ada, other?.id ?? '')).toMatchObject({ status: 'cancelled' });
    });

    it('takes no signal for a decision', async () => {
      const name = ground.script(async (context) => answer((await context.approve('a', toApprove())).status));
      const runId = await ground.submit(engine, name);
      const [asked] = await ground.asked(engine, runId);
      const forged = { id: 'x', name: `approval:${asked?.id ?? ''}`, payload: { status: 'approved' } };
      await expect(engine.signal(requester, runId, forged)).rejects.toMatchObject({
        code: 'invalid_request',
      });
      await engine.cancel(requester, runId);
    });

    it('lists by state and run in pages, finds by code, and keeps tenants apart', async () => {
      const name = ground.script(async (context) => {
        await Promise.all([0, 1, 2].map((index) => context.approve(`a${index}`, toApprove())));
        return answer('done');
      });
      const runId = await ground.submit(engine, name);
      const all = await ground.asked(engine, runId, 3);
      await engine.approvals.decide(ada, all[1]?.id ?? '', { decision: 'reject' });
      const pages: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await engine.approvals.list(ada, { runId, status: 'pending', limit: 1, cursor });
        pages.push(...page.items.map((one) => one.id));
        cursor = page.next ?? undefined;
      } while (cursor !== undefined);
      expect(pages).toEqual([all[2]?.id, all[0]?.id]);
      expect(await engine.approvals.get(ada, (all[0]?.code ?? '').toUpperCase())).toMatchObject({
        id: all[0]?.id,
      });
      const foreign = person('user:ada', { tenant: 'other' });
      expect((await engine.approvals.list(foreign, { limit: 10 })).items).toEqual([]);
      await expect(engine.approvals.get(foreign, all[0]?.id ?? '')).rejects.toMatchObject({
        code: 'not_found',
      });
      await expect(
        engine.approvals.decide(foreign, all[0]?.code ?? '', { decision: 'approve' }),
      ).rejects.toMatchObject({ code: 'not_found' });
      await engine.cancel(requester, runId);
    });

    it('does not count the time of people against the deadline of the run', async () => {
      const child = ground.script(async (context) => {
        const { status } = await context.approve('a', toApprove());
        await context.step('work', 'action', () => Promise.resolve(null), { input: null });
        return answer(status);
      });
      const parent = ground.script(async (context) => {
        const { output, status } = await context.child('child', { kind: 'agent', name: child }, {});
        return answer(status === 'completed' ? (output as { text: string }).text : status);
      });
      const other = ground.script(async (context) => {
        await context.waitForSignal('never', 'never');
        return answer('never');
      });
      const time = ground.movableTime();
      await engine.stop();
      engine = await ground.startEngine({}, time.clock);
      const asking = await ground.submit(engine, parent, { timeoutMs: 60_000 });
      const idle = await ground.submit(engine, other, { timeoutMs: 60_000 });
      const [asked] = await ground.asked(engine, asking);
      await ground.untilStatus(asking, 'waiting');
      await ground.untilStatus(idle, 'waiting');
      time.forward(86_400_000);
      // The sweep that ends the one has seen the other too.
      expect((await ground.response(engine, idle)).status).toBe('timeout');
      await engine.approvals.decide(ada, asked?.id ?? '', { decision: 'approve' });
      expect((await ground.response(engine, asking)).text).toBe('approved');
      await engine.stop();
      engine = await ground.startEngine();
    });

    it('lets the deadline decide, also when it passed while no process ran', async () => {
      const statuses: string[] = [];
      const name = ground.script(async (context) => {
        const outcomes = await Promise.all(
          (['approve', 'reject', 'fail'] as const).map((chosen) =>
            context.approve(chosen, toApprove({ rules: { deadline: '1h', default: chosen } })),
          ),
        );
        statuses.push(...outcomes.map((one) => `${one.status} by ${String(one.decidedBy)}`));
        return answer('done');
      });
      const time = ground.movableTime();
      const runId = await ground.submit(engine, name);
      const asked = await ground.asked(engine, runId, 3);
      await ground.untilStatus(runId, 'waiting');
      await engine.stop();
      time.forward(2 * 3_600_000);
      // A person who comes too late finds what the deadline decided.
      const late = ground
        .idleEngine(time.clock)
        .approvals.decide(ada, asked[0]?.id ?? '', { decision: 'reject' });
      await expect(late).rejects.toThrow(/by its deadline/);
      engine = await ground.startEngine({}, time.clock);
      await ground.response(engine, runId);
      expect(statuses).toEqual(['approved by null', 'rejected by null', 'expired by null']);
      await engine.stop();
      engine = await ground.startEngine();
    });

    it('keeps the run in memory until a slow database has taken what is asked', async () => {
      const name = ground.script(async (context) => {
        const [outcome] = await Promise.all([
          context.approve('a', toApprove()),
          context.waitForSignal('go', 'go'),
        ]);
        return answer(outcome.status);
      });
      await engine.stop();
      const patience = AbortSignal.timeout(300);
      // The run must not leave; should it do so, there is no need to wait any longer.
      const storage = ground.slowStorage(async () => {
        while (!patience.aborted) {
          const left = await ground.storage.db
            .selectFrom('runs')
            .select('id')
            .where('target_name', '=', name)
            .where('status', '=', 'waiting')
            .executeTakeFirst();
          if (left !== undefined) return;
        }
      });
      const accepting = await ground.startEngine({ execute: false });
      engine = await ground.startEngine({}, systemClock, storage);
      const runId = await ground.submit(accepting, name);
      const [asked] = await ground.asked(engine, runId);
      await ground.untilStatus(runId, 'waiting');
      await engine.approvals.decide(ada, asked?.id ?? '', { decision: 'approve' });
      await engine.signal(requester, runId, { id: 'go', name: 'go', payload: null });
      expect((await ground.response(engine, runId)).text).toBe('approved');
    });

    it('lets many ask, decide and wake in one tree at the same time', async () => {
      const child = ground.script(async (context) => {
        const statuses = [];
        for (const key of ['one', 'two', 'three']) {
          const [{ status }] = await Promise.all([
            context.approve(key, toApprove()),
            context.step(`beside ${key}`, 'compute', () => Promise.resolve(null), { input: null }),
          ]);
          statuses.push(status);
        }
        return answer(statuses.join(' '));
      });
      const parent = ground.script(async (context) => {
        const names = Array.from({ length: 6 }, (_, index) => `child-${index}`);
        const outcomes = await Promise.all(
          names.map((key) => context.child(key, { kind: 'agent', name: child }, {})),
        );
        return answer(
          [
            ...new Set(outcomes.map((one) => one.error?.code ?? (one.output as { text: string }).text)),
          ].join(),
        );
      });
      const runId = await ground.submit(engine, parent);
      const ended = ground.response(engine, runId);
      const over = new AbortController();
      const end = (): void => over.abort();
      void ended.then(end, end);
      const faults: unknown[] = [];
      const decide = async (who: string): Promise<void> => {
        while (!over.signal.aborted) {
          const { items } = await engine.approvals.list(requester, { runId, status: 'pending', limit: 50 });
          for (const one of items) {
            await engine.approvals
              .decide(person(who), one.id, { decision: 'approve' })
              .catch((error: { code?: string }) => {
                if (error.code !== 'conflict') faults.push(error);
              });
          }
        }
      };
      await Promise.all([decide('user:1'), decide('user:2'), decide('user:3')]);
      expect((await ended).text).toBe('approved approved approved');
      expect(faults).toEqual([]);
    });
  });
}
