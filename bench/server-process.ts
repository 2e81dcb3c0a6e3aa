import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

// Linux counts processor time in hundredths of a second.
const tickMs = 10;

/** A server in a child process that prints one line of JSON when it is ready. */
export class ServerProcess {
  readonly url: string;
  readonly apiKey: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, ready: { url: string; apiKey?: string }) {
    this.#child = child;
    this.url = ready.url;
    this.apiKey = ready.apiKey ?? '';
  }

  /** With `core` the process runs on that core alone; `flags` are node's own. */
  static async start(
    script: string,
    env: Readonly<Record<string, string>> = {},
    options: { readonly core?: number; readonly flags?: readonly string[] } = {},
  ): Promise<ServerProcess> {
    const { core, flags = [] } = options;
    const command = [process.execPath, ...flags, script];
    const pinned = core === undefined ? command : ['taskset', '-c', String(core), ...command];
    const child = spawn(pinned[0] ?? '', pinned.slice(1), {
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const line = await Promise.race([
      new Promise<string>((resolve) => createInterface({ input: child.stdout }).once('line', resolve)),
      once(child, 'exit').then(() => {
        throw new Error(`${script} ended before it was ready`);
      }),
    ]);
    return new ServerProcess(child, JSON.parse(line) as { url: string });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Processor time of all threads so far, user and system. */
  cpuMs(): number {
    const stat = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * tickMs;
  }

  residentMb(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exit;
  }

  async stop(): Promise<void> {
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await exit;
  }
}
