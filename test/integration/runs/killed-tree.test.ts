import { randomInt, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postgresAvailable } from '../../../src/testing/test-database.ts';
import { scope } from './run-ground.ts';
import { WorkerGround, type WorkerProcess } from './worker-ground.ts';
import { agentRequest } from '../../../src/testing/agent-request.ts';

const trees = 4;
const rounds = Number(process.env['CRASH_ROUNDS'] ?? 12);

describe.skipIf(!(await postgresAvailable()))(
  'kill -9 under waiting trees (skipped without PostgreSQL)',
  () => {
    let ground: WorkerGround;
    beforeAll(async () => {
      ground = await WorkerGround.open();
    });
    afterAll(() => ground[Symbol.asyncDispose]());

    async function submit(): Promise<string> {
      const { runId } = await ground.door.submit(scope, agentRequest('tree'));
      return runId;
    }

    /** Steps that are recorded, as `<run> <key>`. */
    async function recorded(): Promise<ReadonlySet<string>> {
      const rows = await ground.storage.db
        .selectFrom('run_steps')
        .select(['run_id', 'key'])
        .where('status', '=', 'completed')
        .execute();
      return new Set(rows.map((row) => `${row.run_id} ${row.key}`));
    }

    /** Steps that a worker did. */
    const doneBy = (worker: WorkerProcess): string[] =>
      worker.said.flatMap((line) => ('did' in line ? [String(line['did'])] : []));

    /** Sends its word to every unfinished run that has not got one, at any state of it. */
    async function sendWords(told: Set<string>): Promise<void> {
      const rows = await ground.storage.db
        .selectFrom('runs')
        .select(['id', 'parent_step_key'])
        .where('ended_at', 'is', null)
        .execute();
      for (const { id, parent_step_key } of rows) {
        if (told.has(id) || randomInt(2) === 0) continue;
        told.add(id);
        const payload = parent_step_key ?? 'root';
        await ground.door.signal(scope, id, { id: randomUUID(), name: 'word', payload });
      }
    }

    it(
      `in ${rounds} rounds no recorded step is done again, and each tree ends as it would have`,
      { timeout: 60_000 + rounds * 15_000 },
      async () => {
        const all: string[] = [];
        for (let round = 0; round < rounds; round += 1) {
          const told = new Set<string>();
          const runIds = await Promise.all(Array.from({ length: trees }, submit));
          all.push(...runIds);
          for (let kills = 0; kills < 3; kills += 1) {
            const before = await recorded();
            const worker = await ground.startWorker(`worker-${round}-${kills}`);
            await sendWords(told);
            // The moment is the point of this test: a random one.
            await new Promise((resolve) => setTimeout(resolve, randomInt(5, 250)));
            await sendWords(told);
            await worker.kill();
            for (const line of worker.said)
              if ('did' in line) expect(before.has(String(line['did'])), String(line['did'])).toBe(false);
          }
          const before = await recorded();
          const worker = await ground.startWorker(`worker-${round}-last`);
          const answers = Promise.all(
            runIds.map((runId) =>
              ground.door.response(scope, runId, { signal: AbortSignal.timeout(60_000) }),
            ),
          );
          const pause = (): Promise<boolean> => new Promise((resolve) => setTimeout(resolve, 20, false));
          const ended = answers.then(() => true);
          while (!(await Promise.race([ended, pause()]))) await sendWords(told);
          for (const { output } of await answers)
            expect(output).toEqual(['left', 'right', 'after nap', ['root', 'after word'], 'worked']);
          expect(doneBy(worker).filter((step) => before.has(step))).toEqual([]);
          await worker.kill();
        }
        const left = await ground.storage.db
          .selectFrom('runs')
          .select('id')
          .where('status', '!=', 'completed')
          .execute();
        expect(left).toEqual([]);
        const counts = await ground.storage.db
          .selectFrom('runs')
          .select((expression) => expression.fn.countAll().as('count'))
          .where('root_run_id', 'in', all)
          .executeTakeFirst();
        expect(Number(counts?.count)).toBe(all.length * 3);
      },
    );
  },
);
