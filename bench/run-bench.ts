import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createIdGenerator, silentLogger, systemClock, type Json } from '../src/base/index.ts';
import {
  defaultRunEngineSettings,
  RunEngine,
  type RunContext,
  type RunExecutor,
} from '../src/engine/runs/index.ts';
import { FolderBlobStore, TableBlobStore } from '../src/platform/blobs/index.ts';
import { createMetrics } from '../src/platform/observability/index.ts';
import { PgBossQueue } from '../src/platform/queue/index.ts';
import { PgliteStorage, PostgresStorage, type Storage } from '../src/platform/storage/index.ts';
import { createTestDatabase } from '../src/testing/test-database.ts';

export const benchScope = { tenant: 'default', principal: 'bench', scopes: ['admin'] } as const;

const base = { clock: systemClock, logger: silentLogger, migrate: true };

/** Executes one function for every run. */
class BenchExecutor implements RunExecutor {
  work: (context: RunContext) => Promise<unknown> = () => Promise.resolve();

  snapshot(): Promise<{ hash: string; definition: Json; timeoutMs: number }> {
    return Promise.resolve({ hash: 'bench', definition: {}, timeoutMs: 7 * 86_400_000 });
  }

  async execute(_definition: Json, context: RunContext) {
    await this.work(context);
    return { output: null, text: 'done', messages: [] };
  }
}

/** An engine of runs on a database of its own. */
export interface RunBench extends AsyncDisposable {
  readonly storage: Storage;
  readonly runs: RunEngine;
  /** Accepts a run that does this work (that of the executing process, when this one does not); returns its id. */
  submit(work: (context: RunContext) => Promise<unknown>, input?: Json): Promise<string>;
  /** Resolves when the run has ended. */
  ended(runId: string): Promise<void>;
}

/** An engine on PostgreSQL in a new database. */
export async function openPostgresBench(): Promise<RunBench> {
  const database = await createTestDatabase();
  return joinPostgresBench(database.url, { drop: database.drop });
}

/** An engine on the database of others. `execute: false`: it only accepts runs. */
export function joinPostgresBench(
  url: string,
  options: {
    readonly execute?: boolean;
    readonly work?: (context: RunContext) => Promise<unknown>;
    readonly drop?: () => Promise<void>;
  } = {},
): Promise<RunBench> {
  const storage = new PostgresStorage({ ...base, url, poolSize: 10 });
  const blobs = () => new TableBlobStore({ storage, clock: systemClock });
  return openBench(storage, blobs, options.drop ?? (() => Promise.resolve()), options);
}

/** An engine on an embedded database in a folder, as `agent33 serve` has it. */
export async function openEmbeddedBench(): Promise<RunBench> {
  const folder = await mkdtemp(path.join(tmpdir(), 'agent33-bench-'));
  const storage = new PgliteStorage({ ...base, folder: path.join(folder, 'database') });
  return openBench(
    storage,
    () => new FolderBlobStore(path.join(folder, 'blobs')),
    () => rm(folder, { recursive: true, force: true }),
  );
}

async function openBench(
  storage: Storage,
  createBlobs: () => FolderBlobStore | TableBlobStore,
  drop: () => Promise<void>,
  options: { readonly execute?: boolean; readonly work?: (context: RunContext) => Promise<unknown> } = {},
): Promise<RunBench> {
  await storage.start();
  const queue = new PgBossQueue({ storage, ...base });
  await queue.start();
  const executor = new BenchExecutor();
  if (options.work !== undefined) executor.work = options.work;
  const runs = new RunEngine({
    ...base,
    storage,
    blobs: createBlobs(),
    queue,
    ids: createIdGenerator(systemClock.now),
    metrics: createMetrics({ version: 'bench', processMetrics: false }),
    executors: { agent: executor },
    settings: { ...defaultRunEngineSettings, execute: options.execute ?? true },
  });
  await runs.start();
  return {
    storage,
    runs,
    async submit(work, input = {}) {
      executor.work = work;
      const { runId } = await runs.submit(benchScope, {
        source: 'bench',
        target: { kind: 'agent', name: 'bench' },
        input,
        sessionKey: null,
        dedupeKey: null,
        replyTo: null,
        timeoutMs: null,
        metadata: {},
      });
      return runId;
    },
    async ended(runId) {
      const { status } = await runs.response(benchScope, runId, { signal: AbortSignal.timeout(300_000) });
      if (status !== 'completed') throw new Error(`the run ended as ${status}`);
    },
    async [Symbol.asyncDispose]() {
      await runs.stop();
      await queue.stop();
      await storage.stop();
      await drop();
    },
  };
}

/** Does `count` steps at once in a run and returns their milliseconds. */
export async function timeFanOut(bench: RunBench, count: number): Promise<number> {
  let ms = 0;
  const runId = await bench.submit(async (context) => {
    const begun = performance.now();
    await Promise.all(
      Array.from({ length: count }, (_, index) =>
        context.step(`s:${index}`, 'tool', () => Promise.resolve({ text: 'done' }), { input: { index } }),
      ),
    );
    ms = performance.now() - begun;
  });
  await bench.ended(runId);
  return ms;
}
