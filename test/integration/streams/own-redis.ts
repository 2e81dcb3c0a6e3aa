import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from '../fixtures/free-port.ts';

/** Can a Redis be started here? */
export function redisServerAvailable(): boolean {
  return spawnSync('redis-server', ['--version']).status === 0;
}

/** A Redis of a test alone: it can be killed, come back with what it had, or empty. */
export class OwnRedis {
  readonly #dir: string;
  readonly #port: number;
  readonly #settings: readonly string[];
  #child: ChildProcess | undefined;
  /** For what a foreign program does. */
  readonly client: Redis;

  private constructor(dir: string, port: number, settings: readonly string[]) {
    this.#dir = dir;
    this.#port = port;
    this.#settings = settings;
    this.client = new Redis(port, '127.0.0.1', { lazyConnect: true, maxRetriesPerRequest: null });
    this.client.on('error', () => {});
  }

  static async start(settings: readonly string[] = ['--appendonly', 'yes']): Promise<OwnRedis> {
    const redis = new OwnRedis(
      await mkdtemp(path.join(tmpdir(), 'agent33-redis-')),
      await freePort(),
      settings,
    );
    await redis.restart();
    return redis;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.#port}`;
  }

  async restart(): Promise<void> {
    const args = ['--port', String(this.#port), '--bind', '127.0.0.1', '--dir', this.#dir, '--save', ''];
    const child = spawn('redis-server', [...args, ...this.#settings], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    this.#child = child;
    for await (const chunk of child.stdout) if (String(chunk).includes('Ready to accept')) break;
    child.stdout.resume();
    if (this.client.status === 'wait') await this.client.connect();
    else await this.client.ping();
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  async stop(): Promise<void> {
    this.client.disconnect();
    await this.kill();
    await rm(this.#dir, { recursive: true, force: true });
  }
}
