import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { defaultRunEngineSettings } from '../src/engine/runs/index.ts';
import { createTestDatabase, postgresAvailable } from '../src/testing/test-database.ts';
import type { Figure } from './report.ts';
import { joinPostgresBench } from './run-bench.ts';
import { ServerProcess } from './server-process.ts';

const runsUnderWay = 40;
const rounds = 3;
const now = (): number => performance.timeOrigin + performance.now();
const { leaseMs } = defaultRunEngineSettings;

/** Kills a worker in the midst of its runs while another one is there; ms until each of them goes on. */
async function takeOver(): Promise<readonly number[]> {
  const database = await createTestDatabase();
  const script = path.join(import.meta.dirname, 'run-worker-process.ts');
  const env = { DATABASE_URL: database.url };
  const door = await joinPostgresBench(database.url, { execute: false });
  const first = await ServerProcess.start(script, env);
  const runIds: string[] = [];
  for (let index = 0; index < runsUnderWay; index += 1)
    runIds.push(await door.submit(() => Promise.resolve(), 'hang'));
  const running = async (): Promise<number> => {
    const rows = await door.storage.db
      .selectFrom('runs')
      .select('id')
      .where('status', '=', 'running')
      .execute();
    return rows.length;
  };
  while ((await running()) < runsUnderWay) await pause(50);
  const second = await ServerProcess.start(script, env);
  const killedAt = now();
  await first.kill();
  await Promise.all(runIds.map((runId) => door.ended(runId)));
  const steps = await door.storage.db
    .selectFrom('run_steps')
    .select('output')
    .where('key', '=', 'next')
    .execute();
  await second.stop();
  await door[Symbol.asyncDispose]();
  await database.drop();
  return steps.map(({ output }) => (output as { at: number }).at - killedAt);
}

/** How soon the runs of a killed worker go on in another process. */
export async function measureTakeOver(): Promise<readonly Figure[]> {
  const name = `${runsUnderWay} runs of a worker that was killed go on in another process`;
  const goal = `≤ ${(leaseMs + 3000) / 1000} s (lease + 3 s)`;
  if (!(await postgresAvailable())) return [{ name, value: '–', goal, met: undefined }];
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) times.push(...(await takeOver()));
  const last = Math.max(...times);
  return [
    {
      name,
      value: `first after ${(Math.min(...times) / 1000).toFixed(1)} s, last after ${(last / 1000).toFixed(1)} s`,
      goal,
      met: last <= leaseMs + 3000,
    },
  ];
}
