import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort } from '../fixtures/free-port.ts';

/** Can a NATS server be started here? */
export function natsServerAvailable(): boolean {
  return spawnSync('nats-server', ['--version']).status === 0;
}

/** A NATS server of a test alone, with JetStream: it can be killed, and come back with what it had, or empty. */
export class OwnNats {
  readonly #dir: string;
  readonly #port: number;
  readonly #settings: readonly string[];
  #child: ChildProcess | undefined;

  private constructor(dir: string, port: number, settings: readonly string[]) {
    this.#dir = dir;
    this.#port = port;
    this.#settings = settings;
  }

  static async start(settings: readonly string[] = []): Promise<OwnNats> {
    const dir = await mkdtemp(path.join(tmpdir(), 'agent33-nats-'));
    const nats = new OwnNats(dir, await freePort(), settings);
    await nats.restart();
    return nats;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.#port}`;
  }

  async restart(options: { empty?: boolean } = {}): Promise<void> {
    await this.kill();
    if (options.empty === true) await rm(path.join(this.#dir, 'jetstream'), { recursive: true, force: true });
    const args = ['--port', String(this.#port), '--addr', '127.0.0.1', '-js', '--store_dir', this.#dir];
    const child = spawn('nats-server', [...args, ...this.#settings], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    // Left open: a server that cannot write its log ends.
    for await (const chunk of child.stderr.iterator({ destroyOnReturn: false }))
      if (String(chunk).includes('Server is ready')) break;
    child.stderr.resume();
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
    await this.kill();
    await rm(this.#dir, { recursive: true, force: true });
  }
}
