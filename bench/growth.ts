import { postgresAvailable } from '../src/testing/test-database.ts';
import { median, type Figure } from './report.ts';
import { openEmbeddedBench, openPostgresBench, timeFanOut, type RunBench } from './run-bench.ts';

const sizes = [100, 1_000, 10_000] as const;
const rounds = 3;

async function timeSequence(bench: RunBench, count: number): Promise<number> {
  let ms = 0;
  const runId = await bench.submit(async (context) => {
    const begun = performance.now();
    for (let index = 0; index < count; index += 1)
      await context.step(`s:${index}`, 'tool', () => Promise.resolve({ text: 'done' }), { input: { index } });
    ms = performance.now() - begun;
  });
  await bench.ended(runId);
  return ms;
}

async function measure(
  name: string,
  bench: RunBench,
  time: (bench: RunBench, count: number) => Promise<number>,
): Promise<Figure> {
  await time(bench, 1_000);
  const microseconds: number[] = [];
  for (const size of sizes) {
    const times: number[] = [];
    // Small ones are as long as noise: more of them.
    for (let round = 0; round < rounds * (size === 100 ? 5 : 1); round += 1)
      times.push((await time(bench, size)) / size);
    microseconds.push(median(times) * 1000);
  }
  const [first = 0] = microseconds;
  const growth = Math.max(...microseconds) / first;
  return {
    name: `time per step at ${sizes.join(', ')} steps, ${name}`,
    value: `${microseconds.map((one) => one.toFixed(0)).join(', ')} µs (${growth.toFixed(2)}×)`,
    goal: '≤ 1.5×',
    met: growth <= 1.5,
  };
}

/** Does a step cost more the more there are in its run? One after the other, and all at once. */
export async function measureGrowth(): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  if (await postgresAvailable()) {
    await using bench = await openPostgresBench();
    figures.push(await measure('one after the other on PostgreSQL', bench, timeSequence));
    figures.push(await measure('all at once on PostgreSQL', bench, timeFanOut));
  }
  await using bench = await openEmbeddedBench();
  figures.push(await measure('all at once on the embedded database', bench, timeFanOut));
  return figures;
}
