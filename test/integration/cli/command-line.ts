import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { childEnvironment } from '../fixtures/child-environment.ts';

const bin = path.join(import.meta.dirname, '../../../bin/agent33.js');

export interface CommandResult {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** A project folder with a shell in it: commands run as a person would run them. */
export class CommandLine {
  readonly #folder: string;
  readonly #env: Readonly<Record<string, string>>;

  constructor(folder: string, env: Readonly<Record<string, string>> = {}) {
    this.#folder = folder;
    this.#env = env;
  }

  /** Starts `agent33 …` without waiting for its end. */
  spawn(...args: readonly string[]): ChildProcess {
    return spawn(process.execPath, [bin, ...args], {
      cwd: this.#folder,
      env: { ...childEnvironment, HOME: this.#folder, ...this.#env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  async run(...args: readonly string[]): Promise<CommandResult> {
    const child = this.spawn(...args);
    let out = '';
    let err = '';
    child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => (err += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, out, err };
  }

  /** Runs a command that must succeed and gives its JSON. */
  async json<T>(...args: readonly string[]): Promise<T> {
    const { code, out, err } = await this.run(...args, '--json');
    if (code !== 0) throw new Error(`agent33 ${args.join(' ')} ended with ${code}: ${err}`);
    return JSON.parse(out) as T;
  }
}

/** What a server says until a pattern appears; rejects when it ends before. */
export function untilSaid(child: ChildProcess, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (pattern.test(text)) resolve(text);
    });
    child.once('exit', (code) => reject(new Error(`ended with ${code} after: ${text}`)));
  });
}
