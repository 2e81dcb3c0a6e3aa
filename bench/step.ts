import { Client } from 'pg';
import { createIdGenerator, silentLogger, systemClock, type Json } from '../src/base/index.ts';
import {
  defaultRunEngineSettings,
  RunEngine,
  type RunContext,
  type RunExecutor,
} from '../src/engine/runs/index.ts';
import { createMetrics } from '../src/platform/observability/index.ts';
import { TableBlobStore } from '../src/platform/blobs/index.ts';
import { PgBossQueue } from '../src/platform/queue/index.ts';
import { PostgresStorage } from '../src/platform/storage/index.ts';
import { createTestDatabase, postgresAvailable } from '../src/testing/test-database.ts';
import { median, type Figure } from './report.ts';

const steps = 2_000;
const rounds = 5;

/** Times `run.step` in a real run, in ms for all steps. */
class TimedExecutor implements RunExecutor {
  ms = 0;

  snapshot(): Promise<{ hash: string; definition: Json; timeoutMs: number }> {
    return Promise.resolve({ hash: 'bench', definition: {}, timeoutMs: 600_000 });
  }

  async execute(_definition: Json, context: RunContext) {
    const begun = performance.now();
    for (let index = 0; index < steps; index += 1)
      await context.step(`s:${index}`, 'tool', () => Promise.resolve({ text: 'done' }), { input: { index } });
    this.ms = performance.now() - begun;
    return { output: null, text: 'done', messages: [] };
  }
}

/** `run.step` against a one-row INSERT with values of the same size, both one after the other on one connection. */
export async function measureStep(): Promise<readonly Figure[]> {
  const name = '`run.step` on PostgreSQL against a one-row INSERT';
  if (!(await postgresAvailable())) return [{ name, value: '–', goal: '≥ 0.5×', met: undefined }];
  const database = await createTestDatabase();
  const base = { clock: systemClock, logger: silentLogger };
  const storage = new PostgresStorage({ ...base, migrate: true, url: database.url, poolSize: 5 });
  await storage.start();
  const queue = new PgBossQueue({ storage, ...base });
  await queue.start();
  const executor = new TimedExecutor();
  const runs = new RunEngine({
    ...base,
    storage,
    blobs: new TableBlobStore({ storage, ...base }),
    queue,
    ids: createIdGenerator(systemClock.now),
    metrics: createMetrics({ version: 'bench', processMetrics: false }),
    executors: { agent: executor },
    settings: defaultRunEngineSettings,
  });
  await runs.start();
  const scope = { tenant: 'default', principal: 'bench', scopes: ['admin'] } as const;
  const client = new Client({ connectionString: database.url });
  await client.connect();
  await client.query('create table bare (id text primary key, output jsonb, at timestamptz)');

  const stepMs: number[] = [];
  const insertMs: number[] = [];
  for (let round = -1; round < rounds; round += 1) {
    const { runId } = await runs.submit(scope, {
      source: 'bench',
      target: { kind: 'agent', name: 'bench' },
      input: {},
      sessionKey: null,
      dedupeKey: null,
      replyTo: null,
      timeoutMs: null,
      metadata: {},
    });
    await runs.response(scope, runId, { signal: AbortSignal.timeout(120_000) });
    const begun = performance.now();
    for (let index = 0; index < steps; index += 1)
      await client.query('insert into bare values ($1, $2, $3)', [
        `${round}:${index}`,
        '{"text":"done"}',
        new Date(),
      ]);
    // The first round warms up.
    if (round < 0) continue;
    stepMs.push(executor.ms);
    insertMs.push(performance.now() - begun);
  }
  await client.end();
  await runs.stop();
  await queue.stop();
  await storage.stop();
  await database.drop();
  const ratio = median(insertMs) / median(stepMs);
  const perSecond = Math.round(steps / (median(stepMs) / 1000));
  return [{ name, value: `${ratio.toFixed(2)}× (${perSecond} steps/s)`, goal: '≥ 0.5×', met: ratio >= 0.5 }];
}
