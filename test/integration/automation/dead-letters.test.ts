import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger, type JsonObject } from '../../../src/base/index.ts';
import {
  createDeadLetterDesk,
  ScheduleTicker,
  StuckJobs,
  type DeadLetterDesk,
} from '../../../src/engine/automation/index.ts';
import type { AgentRequest, Scope } from '../../../src/protocol/index.ts';
import { postgresAvailable } from '../../../src/testing/test-database.ts';
import { answer, AutomationGround, minute, noon, scope, until, type Process } from './automation-ground.ts';

const ada: Scope = { ...scope, principal: 'user:ada' };

describe.each([
  ['embedded', 'pglite' as const, true],
  ['PostgreSQL', 'postgres' as const, await postgresAvailable()],
])('dead letters on %s', (_title, kind, available) => {
  describe.skipIf(!available)('a desk', () => {
    let ground: AutomationGround;
    let process: Process;
    let desk: DeadLetterDesk;

    beforeAll(async () => {
      ground = await AutomationGround.create(kind);
      process = await ground.startProcess();
    });
    beforeEach(async () => {
      await ground.reset(process.storage);
      ground.executor.scripts.clear();
      ground.executor.scripts.set('report', () => Promise.resolve(answer('done')));
      desk = createDeadLetterDesk({
        ...process.deps,
        queue: process.queue,
        retrier: process.retrier,
        schedules: ground.schedules.store,
        sensors: ground.sensors.store,
      });
    });
    afterAll(() => ground.close());

    const runOf = async (id: string | null) =>
      process.storage.db
        .selectFrom('runs')
        .selectAll()
        .where('id', '=', id ?? '')
        .executeTakeFirstOrThrow();
    const request = (more: Partial<AgentRequest> = {}): AgentRequest => ({
      source: 'test',
      target: { kind: 'agent', name: 'report' },
      input: { message: 'hello', variables: { tone: 'kind' } },
      sessionKey: null,
      dedupeKey: 'once',
      replyTo: null,
      timeoutMs: null,
      metadata: { order: 7 },
      ...more,
    });

    /** A run that took its process down too often. */
    async function crashedRun(): Promise<string> {
      const principal: Scope = { ...scope, principal: 'key:somebody', scopes: ['agents:invoke'] };
      const { runId } = await process.engine.submit(principal, request({ dedupeKey: null }));
      await until(async () => (await runOf(runId)).ended_at !== null, 'the run has ended');
      await sql`update runs set status = 'failed' where id = ${runId}`.execute(process.storage.db);
      // As the engine writes it when a run was claimed six times without an end.
      await process.storage.db
        .insertInto('dead_letters')
        .values({
          id: `dlq_${runId}`,
          tenant: 'default',
          kind: 'run',
          ref_id: runId,
          reason: 'the run ended with its process 5 times and was set aside',
          created_at: new Date(noon),
        })
        .execute();
      return runId;
    }

    /** Three slots of a schedule whose agent is missing. */
    async function failedSlots(count = 1): Promise<void> {
      ground.schedules.put('tick', {
        every: '1m',
        start: { agent: 'nobody' },
        inputs: { message: 'for {{ slot }}' },
      });
      const ticker = new ScheduleTicker(
        { ...process.deps, store: ground.schedules.store },
        { retentionMs: 86_400_000 },
      );
      for (let slot = 0; slot <= count; slot += 1) {
        ground.clock.jumpTo(noon + slot * minute);
        await ticker.tick();
      }
    }

    const open = async () => (await desk.list(scope, { limit: 100 })).items;
    const onlyLetter = async (): Promise<string> => {
      const [letter] = await open();
      if (letter === undefined) throw new Error('there is no letter');
      return letter.id;
    };

    it('a run that crashed too often comes with its request and is sent again for its principal', async () => {
      ground.executor.scripts.set('killer', () => Promise.resolve(answer('late but well')));
      const { runId } = await process.engine.submit(
        { ...scope, principal: 'key:somebody' },
        request({ target: { kind: 'agent', name: 'killer' }, dedupeKey: null }),
      );
      await until(async () => (await runOf(runId)).ended_at !== null, 'the run has ended');
      // Set back as if its processes had died: the next claim is one too many.
      await sql`
        update runs set status = 'queued', ended_at = null, attempts = 5, output = null where id = ${runId}`.execute(
        process.storage.db,
      );
      await sql`delete from outbox where run_id = ${runId}`.execute(process.storage.db);
      await process.storage.transaction((trx) =>
        process.queue.send('runs', { payload: { runId }, key: runId }, trx),
      );
      process.engine.wake();
      await until(async () => (await open()).length === 1, 'it lies on the desk');
      const id = await onlyLetter();
      const letter = await desk.get(scope, id);
      expect(letter).toMatchObject({
        kind: 'run',
        ref: runId,
        error: { code: 'run_crashed' },
        payload: { target: { name: 'killer' }, metadata: { order: 7 } },
        subject: { run_id: runId, status: 'failed', principal: 'key:somebody' },
      });
      const again = await desk.retry(ada, id);
      const run = await runOf(again.runId);
      expect(run).toMatchObject({
        principal: 'key:somebody',
        input: { message: 'hello', variables: { tone: 'kind' } },
        metadata: { order: 7, retry_of: runId },
      });
      expect(await desk.get(scope, id)).toMatchObject({
        status: 'retried',
        resolvedBy: 'user:ada',
        newRunId: again.runId,
      });
      expect(await open()).toEqual([]);
    });

    it('what was changed runs for whoever changed it', async () => {
      await crashedRun();
      const id = await onlyLetter();
      const patch = { input: { message: 'shorter' } };
      const { runId } = await desk.retry(ada, id, patch);
      expect(await runOf(runId)).toMatchObject({
        principal: 'user:ada',
        input: { message: 'shorter', variables: { tone: 'kind' } },
      });
    });

    it('a fork without effects stays one', async () => {
      const runId = await crashedRun();
      await sql`update runs set effects = 'off' where id = ${runId}`.execute(process.storage.db);
      const id = await onlyLetter();
      await expect(desk.retry(ada, id, { target: { kind: 'agent', name: 'other' } })).rejects.toMatchObject({
        code: 'conflict',
      });
      const again = await desk.retry(ada, id, { input: { message: 'shorter' } });
      expect(await runOf(again.runId)).toMatchObject({
        effects: 'off',
        input: { message: 'shorter', variables: { tone: 'kind' } },
      });
    });

    it('a run past its retention is sent again from the copy of its request', async () => {
      const runId = await crashedRun();
      await sql`update dead_letters set payload = (select request from inbox where run_id = ${runId})`.execute(
        process.storage.db,
      );
      for (const table of ['run_steps', 'run_events', 'outbox', 'inbox'])
        await sql`delete from ${sql.table(table)} where run_id = ${runId}`.execute(process.storage.db);
      await sql`delete from runs where id = ${runId}`.execute(process.storage.db);
      const { runId: again } = await desk.retry(ada, await onlyLetter());
      expect(await runOf(again)).toMatchObject({
        principal: 'user:ada',
        input: { message: 'hello', variables: { tone: 'kind' } },
        metadata: { retry_of: runId },
      });
    });

    it('a patch lends nobody the right to invoke what is started', async () => {
      await crashedRun();
      const id = await onlyLetter();
      const clerk: Scope = { ...ada, scopes: ['runs:read', 'runs:write', 'agents:invoke'] };
      const elsewhere = { target: { kind: 'workflow', name: 'payout' } };
      await expect(desk.retry(clerk, id, elsewhere)).rejects.toMatchObject({
        code: 'forbidden',
        message: expect.stringContaining('workflows:invoke'),
      });
      expect(await desk.get(scope, id)).toMatchObject({ status: 'open' });
      const patch = { input: { message: 'shorter' } };
      expect(await runOf((await desk.retry(clerk, id, patch)).runId)).toMatchObject({
        principal: 'user:ada',
      });
    });

    it('resolves once: two people at the same time start one run', async () => {
      await crashedRun();
      const id = await onlyLetter();
      const results = await Promise.allSettled([
        desk.retry(ada, id),
        desk.retry(ada, id),
        desk.retry(ada, id),
      ]);
      expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
      for (const result of results)
        if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'conflict' });
      const runs = await sql`select 1 from runs where metadata ? 'retry_of'`.execute(process.storage.db);
      expect(runs.rows).toHaveLength(1);
      await expect(desk.discard(ada, id, 'too late')).rejects.toMatchObject({ code: 'conflict' });
    });

    it('a retry that is refused leaves the letter open and counts', async () => {
      await failedSlots();
      const id = await onlyLetter();
      await expect(desk.retry(ada, id)).rejects.toMatchObject({ code: 'not_found' });
      await expect(desk.retry(ada, id, { colour: 'red' })).rejects.toThrow(
        'patch.colour: only target and inputs can be changed',
      );
      await expect(desk.retry(ada, id, { target: 'report' })).rejects.toMatchObject({
        code: 'invalid_request',
      });
      expect(await desk.get(scope, id)).toMatchObject({ status: 'open', attempts: 3 });
    });

    it('a slot is started as its schedule says now, or as the patch says', async () => {
      await failedSlots(2);
      const [second, first] = await open();
      const patched = await desk.retry(ada, first?.id ?? '', { target: { kind: 'agent', name: 'report' } });
      expect(await runOf(patched.runId)).toMatchObject({
        principal: 'user:ada',
        target_name: 'report',
        input: { message: 'for 2026-01-01T12:01:00.000Z' },
      });
      ground.schedules.put('tick', {
        every: '1m',
        start: { agent: 'report' },
        inputs: { message: 'mended' },
      });
      const mended = await desk.retry(ada, second?.id ?? '');
      expect(await runOf(mended.runId)).toMatchObject({
        principal: 'schedule:tick',
        input: { message: 'mended' },
        metadata: { schedule: 'tick', slot: '2026-01-01T12:02:00.000Z' },
      });
      const slots = await process.storage.db
        .selectFrom('schedule_slots')
        .selectAll()
        .orderBy('slot')
        .execute();
      expect(slots.map((slot) => [slot.outcome, slot.reason, slot.run_id])).toEqual([
        ['fired', 'retried', patched.runId],
        ['fired', 'retried', mended.runId],
      ]);
    });

    it('a delivery goes back to its queue, with another text if so wanted', async () => {
      const address = { channel: 'chat', platform: 'telegram', accountId: '1', chatId: '2' };
      const { runId } = await process.engine.submit(scope, request({ dedupeKey: null, replyTo: address }));
      await until(async () => (await runOf(runId)).ended_at !== null, 'the run has ended');
      const outbox = () =>
        process.storage.db
          .selectFrom('outbox')
          .selectAll()
          .where('run_id', '=', runId)
          .executeTakeFirstOrThrow();
      const { id: responseId } = await outbox();
      await sql`update outbox set status = 'failed', cursor = 3, attempts = 12 where id = ${responseId}`.execute(
        process.storage.db,
      );
      await sql`
        insert into dead_letters (id, tenant, kind, ref_id, reason, created_at)
        values ('dlq_d', 'default', 'delivery', ${responseId}, 'given up after 12 attempts', now())`.execute(
        process.storage.db,
      );
      expect(await desk.get(scope, 'dlq_d')).toMatchObject({
        payload: { text: 'done' },
        subject: { parts_sent: 3, status: 'failed', reply_to: { chatId: '2' } },
      });
      const before = (await process.queue.depth('deliveries')).waiting;
      await desk.retry(ada, 'dlq_d', { text: 'better' });
      expect(await outbox()).toMatchObject({
        status: 'queued',
        attempts: 0,
        cursor: 0,
        response: expect.objectContaining({ text: 'better' }) as JsonObject,
      });
      expect((await process.queue.depth('deliveries')).waiting).toBe(before + 1);
    });

    it('lists by kind, reason and time, page by page; discards with a reason; foreign letters are not there', async () => {
      await failedSlots(5);
      await crashedRun();
      expect((await desk.list(scope, { limit: 10, kind: 'run' })).items).toHaveLength(1);
      expect((await desk.list(scope, { limit: 10, reason: 'NOBODY' })).items).toHaveLength(5);
      const since = new Date(noon + 4 * minute).toISOString();
      expect((await desk.list(scope, { limit: 10, since, kind: 'schedule' })).items).toHaveLength(2);
      const first = await desk.list(scope, { limit: 4 });
      const second = await desk.list(scope, { limit: 4, cursor: first.next ?? '' });
      expect(new Set([...first.items, ...second.items].map((one) => one.id)).size).toBe(6);
      expect(second.next).toBeNull();
      const id = first.items[0]?.id ?? '';
      await desk.discard(ada, id, 'nobody needs it');
      expect(await desk.get(scope, id)).toMatchObject({
        status: 'discarded',
        note: 'nobody needs it',
        resolvedBy: 'user:ada',
      });
      expect((await desk.list(scope, { limit: 10, status: 'resolved' })).items).toHaveLength(1);
      const foreign: Scope = { ...scope, tenant: 'other' };
      await expect(desk.get(foreign, id)).rejects.toMatchObject({ code: 'not_found' });
      await expect(desk.retry(foreign, id)).rejects.toMatchObject({ code: 'not_found' });
      expect((await desk.list(foreign, { limit: 10 })).items).toEqual([]);
    });

    it('does many at once, oldest first, and tells which could not be done', async () => {
      await failedSlots(3);
      ground.schedules.put('tick', {
        every: '1m',
        start: { agent: 'report' },
        inputs: { message: '{{ slot }}' },
      });
      const [newest] = await open();
      const named = await desk.retryMany(ada, { ids: [newest?.id ?? '', 'dlq_unknown'] });
      expect(named.results).toMatchObject([{ ok: true }, { ok: false, error: { code: 'not_found' } }]);
      const rest = await desk.retryMany(ada, { filter: { kind: 'schedule' } });
      expect(rest).toMatchObject({ results: [{ ok: true }, { ok: true }], more: false });
      const inputs = await Promise.all(rest.results.map(async (one) => (await runOf(one.runId)).input));
      expect(inputs).toEqual([
        { message: '2026-01-01T12:01:00.000Z' },
        { message: '2026-01-01T12:02:00.000Z' },
      ]);
      expect(await desk.discardMany(ada, { filter: {} }, 'all')).toEqual({ results: [], more: false });
    });

    it('a job that keeps failing and blocks its key is seen, and can be removed', async () => {
      await process.storage.transaction(async (trx) => {
        await process.queue.send('deliveries', { payload: { outboxId: 'rsp_x' }, key: 'blocked' }, trx);
        await process.queue.send('deliveries', { payload: { outboxId: 'rsp_y' }, key: 'blocked' }, trx);
      });
      await sql`
        update pgboss.job set state = 'retry', retry_count = 11, start_after = now() + interval '1 hour',
          output = '{"message": "boom"}'::jsonb
        where data ->> 'outboxId' = 'rsp_x'`.execute(process.storage.db);
      const stuck = new StuckJobs({ ...process.deps, queue: process.queue, logger: silentLogger });
      await stuck.look();
      await stuck.look();
      const letters = (await open()).filter((letter) => letter.kind === 'job');
      expect(letters).toMatchObject([
        { reason: expect.stringContaining('failed 11 times and holds back its key: boom') as string },
      ]);
      const delivered: string[] = [];
      const consumer = process.queue.consume('deliveries', { concurrency: 1, pollIntervalMs: 50 }, (job) => {
        delivered.push(String(job.payload['outboxId']));
        return Promise.resolve();
      });
      await desk.discard(ada, letters[0]?.id ?? '', 'broken');
      await until(() => Promise.resolve(delivered.includes('rsp_y')), 'the next of the key goes on');
      expect(delivered).not.toContain('rsp_x');
      await consumer.stop();
      expect((await open()).filter((letter) => letter.kind === 'job')).toEqual([]);
    });

    it('a stuck job can be tried at once, and one that went on leaves the desk by itself', async () => {
      await process.storage.transaction((trx) =>
        process.queue.send('deliveries', { payload: { outboxId: 'rsp_z' }, key: 'late' }, trx),
      );
      const setBack = () =>
        sql`
          update pgboss.job set state = 'retry', retry_count = 11, start_after = now() + interval '1 hour'
          where data ->> 'outboxId' = 'rsp_z' and state < 'completed'`.execute(process.storage.db);
      await setBack();
      const stuck = new StuckJobs({ ...process.deps, queue: process.queue, logger: silentLogger });
      await stuck.look();
      await desk.retry(ada, await onlyLetter());
      await setBack();
      await stuck.look();
      expect(await open()).toHaveLength(1);
      await sql`update pgboss.job set start_after = now() where data ->> 'outboxId' = 'rsp_z'`.execute(
        process.storage.db,
      );
      const done = Promise.withResolvers<void>();
      const consumer = process.queue.consume('deliveries', { concurrency: 1, pollIntervalMs: 50 }, (job) => {
        if (job.payload['outboxId'] === 'rsp_z') done.resolve();
        return Promise.resolve();
      });
      await done.promise;
      await consumer.stop();
      await stuck.look();
      expect(await open()).toEqual([]);
    });
  });
});
