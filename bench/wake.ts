import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createTestDatabase, postgresAvailable } from '../src/testing/test-database.ts';
import { median, type Figure } from './report.ts';
import { benchScope, joinPostgresBench, openEmbeddedBench, type RunBench } from './run-bench.ts';
import { ServerProcess } from './server-process.ts';

const runsToWake = 60;
const now = (): number => performance.timeOrigin + performance.now();

async function untilWaiting({ storage }: RunBench, runIds: readonly string[]): Promise<void> {
  for (;;) {
    const { count } = await storage.db
      .selectFrom('runs')
      .select((expression) => expression.fn.countAll().as('count'))
      .where('id', 'in', runIds)
      .where('status', '=', 'waiting')
      .executeTakeFirstOrThrow();
    if (Number(count) === runIds.length) return;
    await pause(50);
  }
}

/** Signals one run after the other; ms from the call of `signal` to the start of the step after the wait. */
async function measure(name: string, bench: RunBench): Promise<Figure> {
  const work = async (context: Parameters<Parameters<RunBench['submit']>[0]>[0]): Promise<void> => {
    await context.waitForSignal('ask', 'go');
    await context.step('next', 'tool', () => Promise.resolve({ at: now() }), { input: null });
  };
  const runIds: string[] = [];
  for (let index = 0; index < runsToWake; index += 1) runIds.push(await bench.submit(work, 'wait'));
  await untilWaiting(bench, runIds);
  const times: number[] = [];
  for (const runId of runIds) {
    const answeredAt = now();
    await bench.runs.signal(benchScope, runId, { id: randomUUID(), name: 'go', payload: null });
    await bench.ended(runId);
    const { output } = await bench.storage.db
      .selectFrom('run_steps')
      .select('output')
      .where('run_id', '=', runId)
      .where('key', '=', 'next')
      .executeTakeFirstOrThrow();
    times.push((output as { at: number }).at - answeredAt);
  }
  const sorted = times.toSorted((a, b) => a - b);
  const p50 = median(times);
  const p95 = sorted[Math.floor(sorted.length * 0.95)] ?? Number.NaN;
  return {
    name: `answered → next step of a run that had left memory, ${name}`,
    value: `p50 ${p50.toFixed(0)} ms, p95 ${p95.toFixed(0)} ms`,
    goal: 'p50 ≤ 50 ms',
    met: p50 <= 50,
  };
}

/** How long it takes a waiting run to go on: answered in one process and executed in another, and in one process. */
export async function measureWake(): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  if (await postgresAvailable()) {
    const database = await createTestDatabase();
    const bench = await joinPostgresBench(database.url, { execute: false });
    const worker = await ServerProcess.start(path.join(import.meta.dirname, 'run-worker-process.ts'), {
      DATABASE_URL: database.url,
    });
    figures.push(await measure('two processes on PostgreSQL', bench));
    await worker.stop();
    await bench[Symbol.asyncDispose]();
    await database.drop();
  }
  await using bench = await openEmbeddedBench();
  figures.push(await measure('one process on the embedded database', bench));
  return figures;
}
