import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect } from 'vitest';
import {
  AppError,
  createIdGenerator,
  silentLogger,
  systemClock,
  type Json,
} from '../../../src/base/index.ts';
import {
  defaultRunEngineSettings,
  RunEngine,
  SqlRunStore,
  type RunContext,
  type RunEngineDeps,
  type RunEngineSettings,
  type RunExecutor,
  type RunLimits,
  type RunResult,
} from '../../../src/engine/runs/index.ts';
import { FolderBlobStore, TableBlobStore, type BlobStore } from '../../../src/platform/blobs/index.ts';
import { createMetrics } from '../../../src/platform/observability/index.ts';
import { PgBossQueue } from '../../../src/platform/queue/index.ts';
import { PostgresStorage, type Storage } from '../../../src/platform/storage/index.ts';
import type { AgentRequest, AgentResponse, Scope } from '../../../src/protocol/index.ts';
import { createTestDatabase, postgresAvailable } from '../../../src/testing/test-database.ts';
import { MemoryStorage } from '../../../src/testing/memory-storage.ts';
import { agentRequest } from '../../../src/testing/agent-request.ts';

export type Script = (context: RunContext) => Promise<RunResult>;

export const scope: Scope = { tenant: 'default', principal: 'test', scopes: ['admin'] };
export const soon = (): AbortSignal => AbortSignal.timeout(60_000);
export const answer = (text: string): RunResult => ({ output: { text }, text, messages: [] });

/** Executes functions of the test. */
class ScriptedExecutor implements RunExecutor {
  readonly scripts = new Map<string, { run: Script; timeoutMs: number; limits: RunLimits }>();

  snapshot(_scope: Scope, name: string) {
    const script = this.scripts.get(name);
    if (script === undefined) return Promise.reject(new AppError('not_found', `there is no "${name}"`));
    return Promise.resolve({ hash: `hash-${name}`, definition: { name }, timeoutMs: script.timeoutMs });
  }

  limits(definition: Json): RunLimits {
    return this.#of(definition).limits;
  }

  execute(definition: Json, context: RunContext): Promise<RunResult> {
    return this.#of(definition).run(context);
  }

  #of(definition: Json) {
    const { name } = definition as { name: string };
    const script = this.scripts.get(name);
    if (script === undefined) throw new AppError('not_found', `"${name}" is gone`);
    return script;
  }
}

/** Engines of runs on one database, with targets that are functions. */
export class RunGround {
  readonly storage: Storage;
  readonly blobs: BlobStore;
  readonly store: SqlRunStore;
  readonly #drop: () => Promise<void>;
  readonly #executor = new ScriptedExecutor();
  readonly #engines: RunEngine[] = [];
  readonly #queues: PgBossQueue[] = [];
  #engine: RunEngine | undefined;

  constructor(storage: Storage, blobs: BlobStore, drop: () => Promise<void>) {
    this.storage = storage;
    this.blobs = blobs;
    this.store = new SqlRunStore(storage, this.blobs);
    this.#drop = drop;
  }

  async open(): Promise<void> {
    await this.storage.start();
    this.#engine = await this.startEngine();
  }

  async close(): Promise<void> {
    for (const engine of this.#engines) await engine.stop();
    for (const queue of this.#queues) await queue.stop();
    await this.storage.stop();
    await this.#drop();
  }

  get engine(): RunEngine {
    if (this.#engine === undefined) throw new Error('not open');
    return this.#engine;
  }

  /** What an engine stands on, with a queue of its own. */
  async deps(settings: Partial<RunEngineSettings> = {}): Promise<RunEngineDeps> {
    const queue = new PgBossQueue({ storage: this.storage, clock: systemClock, logger: silentLogger });
    await queue.start();
    this.#queues.push(queue);
    return {
      storage: this.storage,
      blobs: this.blobs,
      queue,
      clock: systemClock,
      ids: createIdGenerator(systemClock.now),
      logger: silentLogger,
      metrics: createMetrics({ version: 'test', processMetrics: false }),
      executors: { agent: this.#executor },
      settings: { ...defaultRunEngineSettings, drainMs: 200, ...settings },
    };
  }

  async startEngine(settings: Partial<RunEngineSettings> = {}): Promise<RunEngine> {
    const engine = new RunEngine(await this.deps(settings));
    await engine.start();
    this.#engines.push(engine);
    return engine;
  }

  script(run: Script, options: { timeoutMs?: number; limits?: RunLimits } = {}): string {
    const name = `script-${randomUUID().slice(0, 8)}`;
    this.#executor.scripts.set(name, {
      run,
      timeoutMs: options.timeoutMs ?? 60_000,
      limits: options.limits ?? {},
    });
    return name;
  }

  async submit(name: string, more: Partial<AgentRequest> = {}): Promise<string> {
    const { runId } = await this.engine.submit(scope, agentRequest(name, more));
    return runId;
  }

  response(runId: string): Promise<AgentResponse> {
    return this.engine.response(scope, runId, { signal: soon() });
  }

  async run(name: string, more: Partial<AgentRequest> = {}): Promise<AgentResponse> {
    return this.response(await this.submit(name, more));
  }

  signal(runId: string, name: string, payload: Json = null, engine = this.engine): Promise<void> {
    return engine.signal(scope, runId, { id: randomUUID(), name, payload });
  }

  async status(runId: string): Promise<string> {
    return (await this.store.get(scope, runId)).status;
  }

  async untilStatus(runId: string, status: string): Promise<void> {
    await expect.poll(() => this.status(runId), { timeout: 15_000, interval: 10 }).toBe(status);
  }

  /** The child runs of a run by the step that started them. */
  async children(runId: string): Promise<ReadonlyMap<string, { id: string; status: string }>> {
    const rows = await this.storage.db
      .selectFrom('runs')
      .select(['id', 'status', 'parent_step_key'])
      .where('parent_run_id', '=', runId)
      .execute();
    return new Map(rows.map(({ id, status, parent_step_key }) => [parent_step_key ?? '', { id, status }]));
  }

  async untilWaits(runId: string, key: string): Promise<void> {
    await expect
      .poll(
        () =>
          this.storage.db
            .selectFrom('run_waits')
            .select('step_key')
            .where('run_id', '=', runId)
            .where('step_key', '=', key)
            .executeTakeFirst(),
        { timeout: 15_000, interval: 10 },
      )
      .toBeDefined();
  }

  async stepKeys(runId: string): Promise<string[]> {
    return (await this.store.steps(scope, runId)).map(({ key }) => key).toSorted();
  }
}

/** Runs a suite on both databases; on PostgreSQL only where a server answers. */
export async function onBothDatabases(suite: (ground: () => Promise<RunGround>) => void): Promise<void> {
  const base = { clock: systemClock, logger: silentLogger, migrate: true };
  describe('on the embedded database', () => {
    suite(async () => {
      const folder = await mkdtemp(path.join(tmpdir(), 'agent33-runs-'));
      const storage = new MemoryStorage();
      return new RunGround(storage, new FolderBlobStore(folder), () => rm(folder, { recursive: true }));
    });
  });
  describe.skipIf(!(await postgresAvailable()))('on PostgreSQL (skipped when no server answers)', () => {
    suite(async () => {
      const database = await createTestDatabase();
      const storage = new PostgresStorage({ ...base, url: database.url, poolSize: 10 });
      return new RunGround(storage, new TableBlobStore({ storage, clock: systemClock }), () =>
        database.drop(),
      );
    });
  });
}
