import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Client } from 'pg';
import { vi } from 'vitest';
import { FakePlatforms, type PlatformName } from '../../../src/testing/channels.ts';
import { createTestDatabase, type TestDatabase } from '../../../src/testing/test-database.ts';
import { childEnvironment } from '../fixtures/child-environment.ts';
import { OwnRedis } from '../streams/own-redis.ts';
import { OwnNats } from './own-nats.ts';

const agent = 'apiVersion: agent33/v1\nkind: Agent\nmetadata: { name: echo }\nspec: { model: fake/model }\n';

/** A server process. `url` is empty while it starts. */
interface ServerProcess {
  readonly child: ChildProcess;
  url: string;
  isStopped: boolean;
}

/** A database, a Redis and a NATS, three places for server processes, and all platforms around them. */
export class ChaosGround {
  readonly platforms: FakePlatforms;
  readonly redis: OwnRedis;
  readonly nats: OwnNats;
  /** Answers that were under way when a process was killed or stopped, by platform: these may come twice. */
  readonly interruptedSends: Record<PlatformName, number> = {
    telegram: 0,
    slack: 0,
    discord: 0,
    whatsapp: 0,
  };
  readonly #database: TestDatabase;
  readonly #client: Client;
  readonly #projectDir: string;
  readonly #root: string;
  readonly #servers: (ServerProcess | undefined)[] = [];

  private constructor(parts: {
    platforms: FakePlatforms;
    redis: OwnRedis;
    nats: OwnNats;
    database: TestDatabase;
    client: Client;
    projectDir: string;
    root: string;
  }) {
    this.platforms = parts.platforms;
    this.redis = parts.redis;
    this.nats = parts.nats;
    this.#database = parts.database;
    this.#client = parts.client;
    this.#projectDir = parts.projectDir;
    this.#root = parts.root;
  }

  /** `root`: the tree whose servers are started; this one when left out. */
  static async open(
    options: { seed?: number; busy?: 'followup' | 'collect'; root?: string } = {},
  ): Promise<ChaosGround> {
    const platforms = await FakePlatforms.start({ seed: options.seed ?? 1 });
    const projectDir = await mkdtemp(path.join(tmpdir(), 'agent33-chaos-'));
    // Without previews: a later answer may be shown growing, in a place of its own, while an earlier one waits for its next try.
    const replies = { preview: 'off' };
    const files = {
      'agents/echo.yaml': agent,
      ...platforms.channelFiles({ agent: 'echo', busy: options.busy ?? 'followup', quiet: '50ms', replies }),
    };
    for (const [name, content] of Object.entries(files)) {
      await mkdir(path.dirname(path.join(projectDir, name)), { recursive: true });
      await writeFile(path.join(projectDir, name), content);
    }
    const database = await createTestDatabase();
    const client = new Client({ connectionString: database.url });
    client.on('error', () => {});
    await client.connect();
    return new ChaosGround({
      platforms,
      redis: await OwnRedis.start(),
      nats: await OwnNats.start(),
      database,
      client,
      projectDir,
      root: options.root ?? path.join(import.meta.dirname, '../../..'),
    });
  }

  async close(): Promise<void> {
    await this.platforms.stop();
    for (const place of this.#servers.keys()) await this.#end(place);
    await this.redis.stop();
    await this.nats.stop();
    await this.#client.end();
    await this.#database.drop();
    await rm(this.#projectDir, { recursive: true, force: true });
  }

  /** Starts the server of a place; resolves when it serves. */
  async serve(place: number): Promise<void> {
    const script = path.join(this.#root, 'test/integration/channels/chaos-server.ts');
    const child = spawn(process.execPath, [script, this.#projectDir], {
      env: {
        ...childEnvironment,
        API_PORT: '0',
        DATABASE_URL: this.#database.url,
        REDIS_URL: this.redis.url,
        NATS_URL: this.nats.url,
        OLLAMA_BASE_URL: 'http://127.0.0.1:9',
        EGRESS_ALLOW_PRIVATE: '127.0.0.1',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const server: ServerProcess = { child, url: '', isStopped: false };
    this.#servers[place] = server;
    const lines = createInterface({ input: child.stdout });
    const [line] = (await Promise.race([once(lines, 'line'), once(child, 'exit')])) as [unknown];
    if (typeof line !== 'string') throw new Error(`server ${place} ended before it served`);
    ({ url: server.url } = JSON.parse(line) as { url: string });
    this.#target();
  }

  /** `kill -9`, and a new process in its place. The platforms notice by themselves that it has gone. */
  async replace(place: number): Promise<void> {
    await this.#end(place);
    await this.#countInterrupted();
    await this.serve(place);
  }

  /** Halts a process for longer than its leases last. */
  async freeze(place: number, milliseconds: number): Promise<void> {
    const server = this.#servers[place];
    if (server === undefined) throw new Error(`there is no server ${place}`);
    server.isStopped = true;
    server.child.kill('SIGSTOP');
    await this.#countInterrupted();
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    server.child.kill('SIGCONT');
    server.isStopped = false;
  }

  /** Answers that were accepted for delivery and have not reached their end, with what became of them. */
  async unfinished(): Promise<readonly string[]> {
    const { rows } = await this.#client.query<{ what: string }>(`
      select 'outbox ' || id || ' ' || status || ' ' || coalesce(last_error, '') as what from outbox
        where status <> 'sent' and reply_to is not null
      union all select 'run ' || id || ' ' || status from runs where status not in ('completed')
      union all select 'chat message ' || id from chat_messages
      union all select 'dead letter ' || ref_id || ' ' || reason from dead_letters`);
    return rows.map(({ what }) => what);
  }

  /** Requests accepted so far, by the platforms' keys. */
  async accepted(): Promise<number> {
    const { rows } = await this.#client.query<{ count: string }>('select count(*) as count from inbox');
    return Number(rows[0]?.count);
  }

  /** Resolves when nothing is under way any more. */
  async settled(): Promise<void> {
    await vi.waitUntil(async () => (await this.unfinished()).length === 0, { timeout: 60_000, interval: 50 });
  }

  /** Runs that there were. */
  async turns(): Promise<number> {
    const { rows } = await this.#client.query<{ count: string }>('select count(*) as count from runs');
    return Number(rows[0]?.count);
  }

  #target(): void {
    this.platforms.targets = this.#servers.flatMap((server) =>
      server === undefined || server.url === '' ? [] : [server.url],
    );
  }

  async #countInterrupted(): Promise<void> {
    const { rows } = await this.#client.query<{ platform: PlatformName; count: string }>(`
      select reply_to->>'platform' as platform, count(*) as count from outbox
      where status = 'sending' and reply_to is not null group by 1`);
    for (const { platform, count } of rows) this.interruptedSends[platform] += Number(count);
  }

  async #end(place: number): Promise<void> {
    const server = this.#servers[place];
    if (server === undefined || server.child.exitCode !== null || server.child.signalCode !== null) return;
    const gone = once(server.child, 'exit');
    server.child.kill('SIGKILL');
    await gone;
  }
}
