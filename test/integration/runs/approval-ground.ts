import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { expect } from 'vitest';
import { createIdGenerator, silentLogger, systemClock, type Clock } from '../../../src/base/index.ts';
import {
  defaultRunEngineSettings,
  RunEngine,
  SqlRunStore,
  type RunEngineDeps,
  type RunEngineSettings,
} from '../../../src/engine/runs/index.ts';
import { TableBlobStore } from '../../../src/platform/blobs/index.ts';
import { createMetrics } from '../../../src/platform/observability/index.ts';
import type { Queue } from '../../../src/platform/queue/index.ts';
import type { Storage } from '../../../src/platform/storage/index.ts';
import {
  approvalSpec,
  type AgentRequest,
  type AgentResponse,
  type ApprovalRequest,
  type ApprovalView,
  type Scope,
} from '../../../src/protocol/index.ts';
import { answer, ScriptedExecutor, type Script } from './scripted-executor.ts';
import { agentRequest } from '../../../src/testing/agent-request.ts';

export { answer, type Script };
export const soon = (): AbortSignal => AbortSignal.timeout(20_000);

/** A principal that may decide where nobody is named. */
export function person(principal: string, more: Partial<Scope> = {}): Scope {
  return { tenant: 'default', principal, scopes: ['approvals:read', 'approvals:decide'], ...more };
}

/** The principal for whom the runs of the tests act. */
export const requester: Scope = { tenant: 'default', principal: 'key:requester', scopes: ['admin'] };

/** A question of yes or no about an act. */
export function toApprove(
  given: Partial<Omit<ApprovalRequest, 'rules'>> & { rules?: object } = {},
): ApprovalRequest {
  const { rules = {}, ...more } = given;
  return {
    kind: 'approval',
    title: 'Send the mail?',
    message: '',
    subject: { action: 'send_mail', arguments: { to: 'ada@example.org', text: 'hi' } },
    answerSchema: null,
    rules: approvalSpec.parse(rules),
    ...more,
  };
}

/** A database with engines on it, each as good as a process of its own. */
export class ApprovalGround {
  readonly #storage: Storage;
  readonly #queue: Queue;
  readonly #engines: RunEngine[] = [];
  readonly #executor = new ScriptedExecutor();

  constructor(parts: { storage: Storage; queue: Queue }) {
    this.#storage = parts.storage;
    this.#queue = parts.queue;
  }

  get storage(): Storage {
    return this.#storage;
  }

  engineDeps(more: Partial<RunEngineDeps> = {}): RunEngineDeps {
    const clock: Clock = more.clock ?? systemClock;
    return {
      storage: this.#storage,
      blobs: new TableBlobStore({ storage: this.#storage, clock }),
      queue: this.#queue,
      clock,
      ids: createIdGenerator(() => clock.now()),
      logger: silentLogger,
      metrics: createMetrics({ version: 'test', processMetrics: false }),
      executors: { agent: this.#executor },
      settings: { ...defaultRunEngineSettings, drainMs: 200 },
      ...more,
    };
  }

  /** The machine's time, which a test can put forward. */
  movableTime(): { readonly clock: Clock; forward(milliseconds: number): void } {
    let ahead = 0;
    return {
      clock: { ...systemClock, now: () => systemClock.now() + ahead },
      forward: (milliseconds) => {
        ahead += milliseconds;
      },
    };
  }

  /** An engine that was never started: good for what needs only the database. */
  idleEngine(clock: Clock = systemClock): RunEngine {
    return new RunEngine(this.engineDeps({ clock }));
  }

  /** A storage whose next transaction begins only when `ready` says so. */
  slowStorage(ready: () => Promise<unknown>): Storage {
    const storage = this.#storage;
    let first: Promise<unknown> | undefined;
    return {
      name: storage.name,
      kind: storage.kind,
      db: storage.db,
      bossDatabase: storage.bossDatabase,
      start: () => storage.start(),
      stop: () => storage.stop(),
      listen: (...given) => storage.listen(...given),
      notify: (...given) => storage.notify(...given),
      health: (signal) => storage.health(signal),
      transaction: async (...given) => {
        if (first === undefined) await (first = ready());
        return storage.transaction(...given);
      },
    };
  }

  async startEngine(
    settings: Partial<RunEngineSettings> = {},
    clock: Clock = systemClock,
    storage: Storage = this.#storage,
  ): Promise<RunEngine> {
    const base = this.engineDeps({ clock, storage });
    const engine = new RunEngine({ ...base, settings: { ...base.settings, ...settings } });
    await engine.start();
    this.#engines.push(engine);
    return engine;
  }

  async close(): Promise<void> {
    for (const engine of this.#engines) await engine.stop();
  }

  script(run: Script): string {
    const name = `script-${randomUUID().slice(0, 8)}`;
    this.#executor.scripts.set(name, run);
    return name;
  }

  async submit(engine: RunEngine, name: string, more: Partial<AgentRequest> = {}): Promise<string> {
    const { runId } = await engine.submit(requester, agentRequest(name, { input: {}, ...more }));
    return runId;
  }

  response(engine: RunEngine, runId: string): Promise<AgentResponse> {
    return engine.response(requester, runId, { signal: soon() });
  }

  /** The approvals of a run and its children in the order they were asked, as soon as there are `count`. */
  async asked(engine: RunEngine, runId: string, count = 1): Promise<readonly ApprovalView[]> {
    const look = async () => {
      const { items } = await engine.approvals.list(requester, { runId, limit: 50 });
      return items.toReversed();
    };
    await expect
      .poll(async () => (await look()).length, { timeout: 15_000, interval: 5 })
      .toBeGreaterThanOrEqual(count);
    return look();
  }

  /** Keys of the delivery jobs of a run, in the order they were sent. */
  async deliveryJobs(runId: string): Promise<readonly string[]> {
    const { rows } = await sql<{ key: string }>`
      select j.singleton_key as key from pgboss.job j join outbox o on o.id = j.data ->> 'outboxId'
      where j.name = 'deliveries' and o.run_id = ${runId} order by j.created_on`.execute(this.#storage.db);
    return rows.map((row) => row.key);
  }

  async untilStatus(runId: string, status: string): Promise<void> {
    const store = new SqlRunStore(this.#storage);
    await expect
      .poll(async () => (await store.get(requester, runId)).status, { timeout: 15_000, interval: 10 })
      .toBe(status);
  }
}
