import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Client } from 'pg';
import { vi } from 'vitest';
import { agentResponseEvent, type AgentResponseEvent } from '../../../src/protocol/index.ts';
import { createTestDatabase, type TestDatabase } from '../../../src/testing/test-database.ts';
import { childEnvironment } from '../fixtures/child-environment.ts';
import { OwnRedis } from './own-redis.ts';

const agent = 'apiVersion: agent33/v1\nkind: Agent\nmetadata: { name: echo }\nspec: { model: fake/model }\n';

/** A Redis, a database, server processes, and a foreign program that writes and reads the streams. */
export class StreamGround {
  readonly redis: OwnRedis;
  readonly #database: TestDatabase;
  readonly #projectDir: string;
  readonly #client: Client;
  readonly #servers = new Set<ChildProcess>();

  private constructor(redis: OwnRedis, database: TestDatabase, projectDir: string, client: Client) {
    this.redis = redis;
    this.#database = database;
    this.#projectDir = projectDir;
    this.#client = client;
  }

  static async open(settings?: readonly string[]): Promise<StreamGround> {
    const database = await createTestDatabase();
    const projectDir = await mkdtemp(path.join(tmpdir(), 'agent33-streams-'));
    await mkdir(path.join(projectDir, 'agents'));
    await writeFile(path.join(projectDir, 'agents/echo.yaml'), agent);
    const client = new Client({ connectionString: database.url });
    client.on('error', () => {});
    await client.connect();
    return new StreamGround(await OwnRedis.start(settings), database, projectDir, client);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#servers].map((server) => this.kill(server)));
    await this.redis.stop();
    await this.#client.end();
    await this.#database.drop();
    await rm(this.#projectDir, { recursive: true, force: true });
  }

  /** Starts a server; resolves when it serves. */
  async serve(failpoint = '', nth = 1): Promise<ChildProcess> {
    const script = path.join(import.meta.dirname, 'stream-server.ts');
    const child = spawn(process.execPath, [script, this.#projectDir, failpoint, String(nth)], {
      env: {
        ...childEnvironment,
        API_PORT: '0',
        DATABASE_URL: this.#database.url,
        REDIS_URL: this.redis.url,
        OLLAMA_BASE_URL: 'http://127.0.0.1:9',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#servers.add(child);
    child.once('exit', () => this.#servers.delete(child));
    const lines = createInterface({ input: child.stdout });
    await Promise.race([once(lines, 'line'), once(child, 'exit')]);
    return child;
  }

  async kill(server: ChildProcess): Promise<void> {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const gone = once(server, 'exit');
    server.kill('SIGKILL');
    await gone;
  }

  /** Answers in a stream, each once by its id, in their order. */
  async answers(stream: string): Promise<readonly AgentResponseEvent[]> {
    const entries = await this.redis.client.xrange(stream, '-', '+');
    const seen = new Map<string, AgentResponseEvent>();
    for (const [, fields] of entries) {
      const { data } = JSON.parse(fields[1] ?? '') as { data: string };
      const event = agentResponseEvent.parse(JSON.parse(data));
      if (!seen.has(event.id)) seen.set(event.id, event);
    }
    return [...seen.values()];
  }

  async untilAnswers(
    stream: string,
    count: number,
    timeout = 60_000,
  ): Promise<readonly AgentResponseEvent[]> {
    return vi.waitUntil(
      async () => {
        const answers = await this.answers(stream).catch(() => []);
        return answers.length >= count ? answers : undefined;
      },
      { timeout, interval: 50 },
    );
  }

  /** Ids of the requests in the inbox, in the order of their runs. */
  async accepted(): Promise<readonly string[]> {
    const { rows } = await this.#client.query<{ id: string }>(
      `select request->'metadata'->'event'->>'id' as id from inbox order by received_at, run_id`,
    );
    return rows.map(({ id }) => id);
  }

  /** Entries of `agent:requests` that the group has acknowledged: read, and not pending. */
  async acknowledged(): Promise<number> {
    const groups = (await this.redis.client.call('XINFO', ['GROUPS', 'agent:requests'])) as unknown[][];
    const facts = groups[0] ?? [];
    const fact = (name: string): number => Number(facts[facts.indexOf(name) + 1] ?? 0);
    return fact('entries-read') - fact('pending');
  }
}

/** A request as the interfaces of the source write it. */
export function requestEvent(
  id: string,
  fields: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> {
  return {
    id,
    timestamp: '2026-11-21T10:00:00.123456',
    source: 'discord',
    source_id: '123',
    user_id: '7',
    user_name: 'Ada',
    content: `say ${id}`,
    attachments: [],
    agent_id: null,
    team_id: null,
    workflow_id: null,
    session_id: 'discord:123',
    session_state: {},
    reply_stream: 'agent:responses:discord:123',
    metadata: { guild_id: '9' },
    ...fields,
  };
}
