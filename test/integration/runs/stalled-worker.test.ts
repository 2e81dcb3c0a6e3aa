import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { agentRequest } from '../../../src/testing/agent-request.ts';
import { postgresAvailable } from '../../../src/testing/test-database.ts';
import { scope } from './run-ground.ts';
import { WorkerGround } from './worker-ground.ts';

const places = ['step', 'group', 'wait', 'end'] as const;

describe.skipIf(!(await postgresAvailable()))('a stalled worker (skipped without PostgreSQL)', () => {
  let ground: WorkerGround;
  beforeAll(async () => {
    ground = await WorkerGround.open();
  });
  afterAll(() => ground[Symbol.asyncDispose]());

  const submit = async (place: string): Promise<string> => {
    const { runId } = await ground.door.submit(
      scope,
      agentRequest('work', {
        input: place,
        sessionKey: `session-${place}`,
        replyTo: { channel: 'test', platform: 'test', accountId: 'a', chatId: place },
      }),
    );
    return runId;
  };
  const textOf = async (runId: string): Promise<string> =>
    (await ground.door.response(scope, runId, { signal: AbortSignal.timeout(60_000) })).text;

  it('that comes back after its lease writes nothing: no step, no wait, no end, no delivery', async () => {
    const first = await ground.startWorker('first');
    const runIds = new Map<string, string>();
    for (const place of places) runIds.set(place, await submit(place));
    await first.until('at', places.length);
    first.pause();
    const second = await ground.startWorker('second');
    for (const runId of runIds.values()) expect(await textOf(runId)).toBe('by second');
    const before = await snapshot();
    first.resume();
    // It says so wherever an executor sees it; the end of a run is refused after the executor has come back.
    await expect
      .poll(
        () => first.said.flatMap((line) => ('refused' in line ? [String(line['refused'])] : [])).toSorted(),
        {
          timeout: 20_000,
        },
      )
      .toEqual(['group', 'step', 'wait']);
    for (const line of first.said) if ('refused' in line) expect(line['kind']).toBe('fenced');
    // The stalled one takes part again: it does work of its own, so it has been through all that it held.
    await second.kill();
    const later = await submit('nothing');
    expect(await textOf(later)).toBe('by first');
    const after = await snapshot();
    for (const table of ['steps', 'outbox', 'deliveries', 'messages', 'runs'] as const)
      expect(
        after[table].filter((row) => !row.includes(later)),
        table,
      ).toEqual(before[table]);
    const keys = ['a', 'b', 'c:0', 'c:1', 'c:2', 'c:3', 'c:4', 'nap'];
    for (const runId of runIds.values()) {
      expect(before.steps.filter((row) => row.startsWith(runId)).map((row) => row.split(' ')[1])).toEqual(
        keys,
      );
      expect(before.outbox.filter((row) => row.startsWith(runId))).toHaveLength(1);
      expect(before.messages.filter((row) => row.startsWith(runId))).toHaveLength(1);
    }
    expect(before.deliveries).toHaveLength(places.length);
  });

  /** What the runs have left in the database, as lines in order. */
  async function snapshot() {
    const { db } = ground.storage;
    const lines = (rows: readonly object[]): string[] =>
      rows.map((row) => Object.values(row).map(String).join(' ')).toSorted();
    const runs = await db.selectFrom('runs').select(['id', 'status', 'epoch', 'worker_id']).execute();
    const steps = await db
      .selectFrom('run_steps')
      .select(['run_id', 'key', 'status', 'epoch', 'attempts', 'output', 'ended_at'])
      .execute();
    const outbox = await db.selectFrom('outbox').select(['run_id', 'id', 'status']).execute();
    const messages = await db.selectFrom('messages').select(['run_id', 'sequence', 'role']).execute();
    const deliveries = await sql<{ outbox: string; run: string }>`
      select o.run_id as run, j.data ->> 'outboxId' as outbox from pgboss.job j
      join outbox o on o.id = j.data ->> 'outboxId' where j.name = 'deliveries'`.execute(db);
    return {
      runs: lines(runs),
      steps: lines(steps),
      outbox: lines(outbox),
      messages: lines(messages),
      deliveries: lines(deliveries.rows),
    };
  }
});
