import { sql } from 'kysely';
import { postgresAvailable } from '../src/testing/test-database.ts';
import { median, type Figure } from './report.ts';
import { openEmbeddedBench, openPostgresBench, timeFanOut, type RunBench } from './run-bench.ts';

const steps = 1_000;
const rounds = 7;

/** One-row INSERTs of a step's size, all started at once on the same pool; in milliseconds. */
async function timeInserts({ storage }: RunBench, round: number): Promise<number> {
  const begun = performance.now();
  await Promise.all(
    Array.from({ length: steps }, (_, index) =>
      sql`insert into bare values (${`${round}:${index}`}, ${'{"text":"done"}'}::jsonb, ${new Date()}::timestamptz)`.execute(
        storage.db,
      ),
    ),
  );
  return performance.now() - begun;
}

async function measure(name: string, open: () => Promise<RunBench>): Promise<Figure> {
  await using bench = await open();
  await sql`create table bare (id text primary key, output jsonb, at timestamptz)`.execute(bench.storage.db);
  const stepMs: number[] = [];
  const insertMs: number[] = [];
  for (let round = -2; round < rounds; round += 1) {
    const mine = await timeFanOut(bench, steps);
    const bare = await timeInserts(bench, round);
    // The first rounds warm up.
    if (round < 0) continue;
    stepMs.push(mine);
    insertMs.push(bare);
  }
  const ratio = median(insertMs) / median(stepMs);
  const perSecond = (ms: number): number => Math.round(steps / (ms / 1000));
  return {
    name: `${steps} steps at once ${name} against as many one-row INSERTs at once`,
    value: `${ratio.toFixed(2)}× (${perSecond(median(stepMs))} steps/s, ${perSecond(median(insertMs))} INSERTs/s)`,
    goal: '≥ 0.4×',
    met: ratio >= 0.4,
  };
}

/** A run that does a thousand steps side by side, against bare INSERTs side by side on the same connections. */
export async function measureFanOut(): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  if (await postgresAvailable()) figures.push(await measure('on PostgreSQL', () => openPostgresBench()));
  figures.push(await measure('on the embedded database', openEmbeddedBench));
  return figures;
}
