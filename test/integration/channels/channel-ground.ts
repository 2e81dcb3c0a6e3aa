import type { Selectable } from 'kysely';
import { expect } from 'vitest';
import {
  AppError,
  createIdGenerator,
  silentLogger,
  systemClock,
  type Clock,
  type Json,
} from '../../../src/base/index.ts';
import {
  defaultRunEngineSettings,
  RunEngine,
  type RunContext,
  type RunExecutor,
  type RunResult,
  type RunService,
  type RunStarter,
} from '../../../src/engine/runs/index.ts';
import {
  createChannelHub,
  type ChannelHub,
  type ChannelHubDeps,
} from '../../../src/entrypoints/channels/index.ts';
import { FileStore } from '../../../src/capabilities/files/index.ts';
import { createEventRouter } from '../../../src/engine/routing/index.ts';
import { createMetrics } from '../../../src/platform/observability/index.ts';
import { TableBlobStore } from '../../../src/platform/blobs/index.ts';
import { PgBossQueue } from '../../../src/platform/queue/index.ts';
import { PostgresStorage, type Database, type Storage } from '../../../src/platform/storage/index.ts';
import {
  channelDefinition,
  type ChannelDefinition,
  type RunFile,
  type Scope,
} from '../../../src/protocol/index.ts';
import { createDirectEgress, FakeTelegram } from '../../../src/testing/channels.ts';
import { MemoryStorage } from '../../../src/testing/memory-storage.ts';
import { HubEndpoint } from './hub-endpoint.ts';

/** An agent that says what the test wants it to say. */
export class EchoExecutor implements RunExecutor {
  readonly inputs: {
    message: string;
    files: readonly RunFile[];
    sessionId: string | null;
    principal: string;
  }[] = [];
  answer: (message: string, context: RunContext) => Promise<string> = (message) =>
    Promise.resolve(`echo: ${message}`);
  /** Files that go along with the answer. */
  files: (context: RunContext) => Promise<readonly RunFile[]> = () => Promise.resolve([]);

  snapshot(_scope: Scope, name: string) {
    if (name !== 'echo') return Promise.reject(new AppError('not_found', `there is no agent "${name}"`));
    return Promise.resolve({ hash: 'echo', definition: {}, timeoutMs: 60_000 });
  }

  async execute(_definition: Json, context: RunContext): Promise<RunResult> {
    const { message, files: sent = [] } = context.input as { message: string; files?: readonly RunFile[] };
    this.inputs.push({
      message,
      files: sent,
      sessionId: context.sessionId,
      principal: context.scope.principal,
    });
    const text = await this.answer(message, context);
    const files = await this.files(context);
    return {
      output: { text, ...(files.length === 0 ? {} : { files: [...files] }) },
      text,
      messages: [{ role: 'assistant', content: text }],
    };
  }
}

/** The machine's clock with waits cut short, so that back-offs cost no time. */
export const hastyClock: Clock = {
  ...systemClock,
  sleep: (milliseconds, options) => systemClock.sleep(Math.min(milliseconds, 20), options),
};

type OutboxRow = Pick<
  Selectable<Database['outbox']>,
  'id' | 'status' | 'cursor' | 'attempts' | 'platform_ids' | 'last_error'
>;

/** Storage, queue, runs and a fake Telegram; hubs as the test needs them. */
export interface ChannelGround {
  readonly storage: Storage;
  readonly queue: PgBossQueue;
  readonly files: FileStore;
  readonly runs: RunEngine;
  readonly executor: EchoExecutor;
  readonly telegram: FakeTelegram;
  readonly metrics: ReturnType<typeof createMetrics>;
  define(spec?: object, name?: string): ChannelDefinition;
  startHub(definitions: readonly ChannelDefinition[], deps?: Partial<ChannelHubDeps>): Promise<ChannelHub>;
  /** Opens a port for the calls of a platform to its channel of a hub, and tells its address. */
  openEndpoint(hub: ChannelHub, platform: string): Promise<string>;
  count(table: 'runs' | 'outbox' | 'dead_letters'): Promise<number>;
  /** The answers in the order in which they were given. */
  outbox(): Promise<readonly OutboxRow[]>;
  /** Resolves when so many answers are sent. */
  untilSent(count?: number): Promise<void>;
  /** Resolves when so many answers are sent or given up; when all are, if no number is given. */
  untilSettled(count?: number): Promise<void>;
  close(): Promise<void>;
}

const ids = createIdGenerator(systemClock.now);

/** A ground on a database in memory, or on the PostgreSQL at `databaseUrl`. */
export async function startChannelGround(databaseUrl?: string): Promise<ChannelGround> {
  const base = { clock: systemClock, logger: silentLogger };
  const storage =
    databaseUrl === undefined
      ? new MemoryStorage()
      : new PostgresStorage({ ...base, url: databaseUrl, poolSize: 5, migrate: true });
  await storage.start();
  const queue = new PgBossQueue({ ...base, storage, leaseMs: 900 });
  await queue.start();
  const executor = new EchoExecutor();
  const metrics = createMetrics({ version: 'test', processMetrics: false });
  const blobs = new TableBlobStore({ storage, clock: systemClock });
  const files = new FileStore({ storage, blobs, clock: systemClock, ids });
  const shared = { storage, blobs, queue, clock: systemClock, ids, logger: silentLogger, metrics };
  const settings = { ...defaultRunEngineSettings, drainMs: 200 };
  const runs = new RunEngine({ ...shared, executors: { agent: executor }, settings });
  await runs.start();
  const telegram = await FakeTelegram.start();
  const hubs: ChannelHub[] = [];
  const endpoints: HubEndpoint[] = [];
  const outbox = (): Promise<OutboxRow[]> =>
    storage.db
      .selectFrom('outbox')
      .select(['id', 'status', 'cursor', 'attempts', 'platform_ids', 'last_error'])
      .orderBy('created_at')
      .execute();
  const timeout = { timeout: 10_000 };
  return {
    storage,
    queue,
    files,
    runs,
    executor,
    telegram,
    metrics,
    define: (spec = {}, name = 'telegram') =>
      channelDefinition.parse({
        apiVersion: 'agent33/v1',
        kind: 'Channel',
        metadata: { name },
        spec: {
          platform: 'telegram',
          agent: 'echo',
          busy: 'followup',
          token: telegram.token,
          apiBase: telegram.apiBase,
          pollTimeout: '2s',
          ...spec,
        },
      }),
    async startHub(definitions, deps = {}) {
      const hub = createChannelHub({
        ...shared,
        files,
        clock: hastyClock,
        runs,
        approvals: runs.approvals,
        router: createEventRouter({ logger: silentLogger }),
        pairingSecret: 'a-secret-of-the-test',
        createEgress: createDirectEgress,
        allowPrivate: ['127.0.0.1'],
        ...deps,
      });
      await hub.apply(definitions);
      await hub.start();
      hubs.push(hub);
      return hub;
    },
    async openEndpoint(hub, platform) {
      const endpoint = await HubEndpoint.open(hub, platform);
      endpoints.push(endpoint);
      return endpoint.url;
    },
    async count(table) {
      const { count } = await storage.db
        .selectFrom(table)
        .select(({ fn }) => fn.countAll<string>().as('count'))
        .executeTakeFirstOrThrow();
      return Number(count);
    },
    outbox,
    async untilSent(count = 1) {
      const sent = async () => (await outbox()).filter(({ status }) => status === 'sent').length;
      await expect.poll(sent, timeout).toBe(count);
    },
    async untilSettled(count) {
      const settled = async (): Promise<boolean> => {
        const rows = await outbox();
        const open = rows.filter(({ status }) => status === 'queued' || status === 'sending');
        return rows.length - open.length === (count ?? Math.max(rows.length, 1));
      };
      await expect.poll(settled, timeout).toBe(true);
    },
    async close() {
      for (const endpoint of endpoints) endpoint.close();
      for (const hub of hubs) await hub.stop();
      await telegram.stop();
      await runs.stop();
      await queue.stop();
      await storage.stop();
    },
  };
}

/** Runs whose `submit` fails as long as `broken` says so. */
type Runs = RunService & Pick<RunStarter, 'submitWithin'>;

export function breakable(runs: Runs): Runs & { broken: boolean; refused: number } {
  return {
    broken: false,
    refused: 0,
    submit(scope, request) {
      if (!this.broken) return runs.submit(scope, request);
      this.refused += 1;
      return Promise.reject(new AppError('storage_unavailable', 'the database is away'));
    },
    submitWithin(scope, request, within) {
      if (!this.broken) return runs.submitWithin(scope, request, within);
      this.refused += 1;
      return Promise.reject(new AppError('storage_unavailable', 'the database is away'));
    },
    response: (...given) => runs.response(...given),
    events: (...given) => runs.events(...given),
    treeEvents: (...given) => runs.treeEvents(...given),
    cancel: (...given) => runs.cancel(...given),
    signal: (...given) => runs.signal(...given),
  };
}
