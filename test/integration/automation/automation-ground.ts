import { sql } from 'kysely';
import {
  AppError,
  createIdGenerator,
  silentLogger,
  systemClock,
  toAppError,
} from '../../../src/base/index.ts';
import { ScheduleTicker, type AutomationDeps } from '../../../src/engine/automation/index.ts';
import type { DefinitionStore, StoredDefinition } from '../../../src/engine/definitions/index.ts';
import { createExpressions } from '../../../src/engine/expressions/index.ts';
import { defaultRunEngineSettings, RunEngine, SqlRunHistory } from '../../../src/engine/runs/index.ts';
import { TableBlobStore } from '../../../src/platform/blobs/index.ts';
import { createMetrics } from '../../../src/platform/observability/index.ts';
import { PgBossQueue, type Queue } from '../../../src/platform/queue/index.ts';
import { PostgresStorage, type Storage } from '../../../src/platform/storage/index.ts';
import { definitionKinds, systemScope, type DefinitionOf, type Scope } from '../../../src/protocol/index.ts';
import { FakeClock } from '../../../src/testing/fake-clock.ts';
import { createTestDatabase } from '../../../src/testing/test-database.ts';
import { answer, ScriptedExecutor, type Script } from '../runs/scripted-executor.ts';
import { MemoryStorage } from '../../../src/testing/memory-storage.ts';

export const scope: Scope = systemScope;
export const expressions = await createExpressions();
export const minute = 60_000;
export const noon = Date.UTC(2026, 0, 1, 12);

export { answer, type Script };

/** Definitions of a project's files, changed by the test. */
export class FileDefinitions<K extends 'Schedule' | 'Sensor'> {
  readonly kind: K;
  readonly #stored = new Map<string, StoredDefinition<DefinitionOf<K>>>();

  constructor(kind: K) {
    this.kind = kind;
  }

  put(name: string, spec: object): void {
    const { schema } = definitionKinds[this.kind];
    const definition = schema.parse({
      apiVersion: 'agent33/v1',
      kind: this.kind,
      metadata: { name },
      spec,
    }) as DefinitionOf<K>;
    this.#stored.set(name, {
      definition,
      hash: JSON.stringify(spec),
      origin: { kind: 'file', path: `${name}.yaml` },
      updatedAt: '',
    });
  }

  remove(name: string): void {
    this.#stored.delete(name);
  }

  get store(): DefinitionStore<K> {
    const readOnly = () => Promise.reject(new AppError('conflict', 'from a file'));
    return {
      list: () => Promise.resolve([...this.#stored.values()]),
      get: (_scope, name) => {
        const found = this.#stored.get(name);
        return found === undefined
          ? Promise.reject(new AppError('not_found', `there is no "${name}"`))
          : Promise.resolve(found);
      },
      create: readOnly,
      update: readOnly,
      delete: readOnly,
    };
  }
}

/** Something that is as good as a process of its own: connections, queue and engine. */
export interface Process {
  readonly storage: Storage;
  readonly queue: Queue;
  readonly engine: RunEngine;
  readonly deps: AutomationDeps;
  readonly retrier: SqlRunHistory;
}

/** A database with processes on it, whose schedules and sensors live on one fake clock. */
export class AutomationGround {
  readonly clock = new FakeClock(noon);
  readonly executor = new ScriptedExecutor();
  readonly schedules = new FileDefinitions('Schedule');
  readonly sensors = new FileDefinitions('Sensor');
  readonly #url: string | undefined;
  readonly #closing: (() => Promise<void>)[] = [];

  private constructor(url: string | undefined) {
    this.#url = url;
  }

  static async create(kind: 'pglite' | 'postgres'): Promise<AutomationGround> {
    if (kind === 'pglite') return new AutomationGround(undefined);
    const database = await createTestDatabase();
    const ground = new AutomationGround(database.url);
    ground.#closing.push(() => database.drop());
    return ground;
  }

  /** On a PostgreSQL database that another process has made, and drops. */
  static on(url: string): AutomationGround {
    const ground = new AutomationGround(url);
    ground.executor.scripts.set('report', () => Promise.resolve(answer('done')));
    return ground;
  }

  /** The schedule of tests with several processes: each minute, however late. */
  putTick(): void {
    this.schedules.put('tick', {
      every: '1m',
      grace: '1h',
      start: { agent: 'report' },
      inputs: { message: 'go' },
    });
  }

  async startProcess(
    options: { execute?: boolean; failpoint?: (name: string) => void } = {},
  ): Promise<Process> {
    const base = { migrate: true, clock: systemClock, logger: silentLogger };
    const storage =
      this.#url === undefined
        ? new MemoryStorage()
        : new PostgresStorage({ url: this.#url, poolSize: 6, ...base });
    await storage.start();
    const queue = new PgBossQueue({ storage, clock: systemClock, logger: silentLogger });
    await queue.start();
    const metrics = createMetrics({ version: 'test', processMetrics: false });
    const blobs = new TableBlobStore({ storage, clock: systemClock });
    const executors = { agent: this.executor };
    const engine = new RunEngine({
      storage,
      blobs,
      queue,
      clock: systemClock,
      ids: createIdGenerator(() => systemClock.now()),
      logger: silentLogger,
      metrics,
      executors,
      settings: { ...defaultRunEngineSettings, execute: options.execute ?? true, drainMs: 200 },
      ...(options.failpoint === undefined ? {} : { failpoint: options.failpoint }),
    });
    await engine.start();
    this.#closing.push(async () => {
      await engine.stop();
      await queue.stop();
      await storage.stop();
    });
    const deps: AutomationDeps = {
      storage,
      runs: engine,
      clock: this.clock,
      ids: createIdGenerator(() => systemClock.now()),
      logger: silentLogger,
      metrics,
      evaluate: (template, variables) => expressions.evaluate(template, variables),
      ...(options.failpoint === undefined ? {} : { failpoint: options.failpoint }),
    };
    const retrier = new SqlRunHistory({
      ...deps,
      blobs,
      queue,
      executors,
      runs: engine,
      onQueued: () => engine.wake(),
      cassettes: { version: 'test', secrets: () => [], redact: (text) => text },
    });
    return { storage, queue, engine, deps, retrier };
  }

  /** Begins a test on the same database: nothing is there, and it is noon. */
  async reset(storage: Storage): Promise<void> {
    for (const name of ['tick', 'watch']) {
      this.schedules.remove(name);
      this.sensors.remove(name);
    }
    this.clock.jumpTo(noon);
    // Runs of the test before may be about to end: whoever the database chooses begins again.
    for (let attempt = 1; ; attempt += 1) {
      try {
        await sql`
          truncate schedule_state, schedule_slots, sensor_state, events, dead_letters, outbox, inbox, sessions, runs
          cascade`.execute(storage.db);
        return;
      } catch (error) {
        if (attempt === 5 || toAppError(error).code !== 'storage_unavailable') throw error;
      }
    }
  }

  async close(): Promise<void> {
    for (const close of this.#closing.toReversed()) await close();
  }
}

/** What fires the schedules of one process, by hand. */
export function tickerOf(ground: AutomationGround, process: Process): ScheduleTicker {
  return new ScheduleTicker(
    { ...process.deps, store: ground.schedules.store },
    { retentionMs: 30 * 86_400_000 },
  );
}

/** Looks until something holds. */
export async function until<T>(look: () => Promise<T | undefined | false>, what: string): Promise<T> {
  const giveUpAt = systemClock.now() + 15_000;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (systemClock.now() > giveUpAt) throw new Error(`waited in vain until ${what}`);
    await systemClock.sleep(20);
  }
}
