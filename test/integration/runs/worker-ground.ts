import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import path from 'node:path';
import { expect } from 'vitest';
import { createIdGenerator, silentLogger, systemClock, type Json } from '../../../src/base/index.ts';
import { defaultRunEngineSettings, RunEngine } from '../../../src/engine/runs/index.ts';
import { TableBlobStore } from '../../../src/platform/blobs/index.ts';
import { createMetrics } from '../../../src/platform/observability/index.ts';
import { PgBossQueue } from '../../../src/platform/queue/index.ts';
import { PostgresStorage } from '../../../src/platform/storage/index.ts';
import { createTestDatabase, type TestDatabase } from '../../../src/testing/test-database.ts';
import { childEnvironment } from '../fixtures/child-environment.ts';

/** A worker in a process of its own, and what it has said. */
export class WorkerProcess {
  readonly said: { [key: string]: Json }[] = [];
  readonly #child: ChildProcess;

  constructor(name: string, databaseUrl: string) {
    this.#child = spawn(process.execPath, [path.join(import.meta.dirname, 'worker-process.ts'), name], {
      env: { ...childEnvironment, DATABASE_URL: databaseUrl },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    if (this.#child.stdout !== null)
      createInterface({ input: this.#child.stdout }).on('line', (line) =>
        this.said.push(JSON.parse(line) as { [key: string]: Json }),
      );
  }

  async until(key: string, count = 1): Promise<void> {
    await expect
      .poll(() => this.said.filter((line) => key in line).length, { timeout: 30_000, interval: 20 })
      .toBeGreaterThanOrEqual(count);
  }

  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
    this.#child.stdin?.write('go\n');
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exit;
  }
}

/** A PostgreSQL database, worker processes on it, and an engine that only accepts. `await using` takes all down. */
export class WorkerGround implements AsyncDisposable {
  readonly database: TestDatabase;
  readonly storage: PostgresStorage;
  readonly door: RunEngine;
  readonly #queue: PgBossQueue;
  readonly #workers: WorkerProcess[] = [];

  private constructor(
    database: TestDatabase,
    parts: { storage: PostgresStorage; queue: PgBossQueue; door: RunEngine },
  ) {
    this.database = database;
    this.storage = parts.storage;
    this.door = parts.door;
    this.#queue = parts.queue;
  }

  static async open(): Promise<WorkerGround> {
    const database = await createTestDatabase();
    const base = { clock: systemClock, logger: silentLogger };
    const storage = new PostgresStorage({ ...base, url: database.url, poolSize: 5, migrate: true });
    await storage.start();
    const queue = new PgBossQueue({ ...base, storage });
    await queue.start();
    const door = new RunEngine({
      ...base,
      storage,
      queue,
      blobs: new TableBlobStore({ storage, clock: systemClock }),
      ids: createIdGenerator(systemClock.now),
      metrics: createMetrics({ version: 'test', processMetrics: false }),
      executors: {
        agent: {
          snapshot: () => Promise.resolve({ hash: 'work', definition: {}, timeoutMs: 120_000 }),
          execute: () => Promise.reject(new Error('not here')),
        },
      },
      settings: { ...defaultRunEngineSettings, execute: false },
    });
    await door.start();
    return new WorkerGround(database, { storage, queue, door });
  }

  async startWorker(name: string): Promise<WorkerProcess> {
    const worker = new WorkerProcess(name, this.database.url);
    this.#workers.push(worker);
    await worker.until('ready');
    return worker;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const worker of this.#workers) await worker.kill();
    await this.door.stop();
    await this.#queue.stop();
    await this.storage.stop();
    await this.database.drop();
  }
}
