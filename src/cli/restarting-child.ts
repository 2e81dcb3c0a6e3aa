import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { say, type CliContext } from './cli-context.ts';

const patienceMs = 10_000;

/** A child process that is replaced on demand: the old one has ended before the next one begins. */
export class RestartingChild {
  readonly #context: CliContext;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;
  #stopping = false;

  /** `args` follow the path of this Node.js. */
  constructor(context: CliContext, args: readonly string[]) {
    this.#context = context;
    this.#args = args;
  }

  /** Id of the running child. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(): void {
    // Out of the terminal's process group, or an interrupt would reach the child twice; the channel ends it with us.
    const child = spawn(process.execPath, [...this.#args], {
      cwd: this.#context.cwd,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      detached: true,
    });
    this.#child = child;
    child.once('exit', (code) => {
      if (this.#child !== child) return;
      this.#child = undefined;
      if (!this.#stopping) say(this.#context, `the server ended (${code ?? 'killed'}); waiting for a change`);
    });
  }

  /** Ends the child, at first politely. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#stopping = true;
    const exited = once(child, 'exit');
    const giveUp = this.#context.clock.after(patienceMs, () => child.kill('SIGKILL'));
    child.kill('SIGTERM');
    await exited;
    giveUp();
    this.#stopping = false;
  }

  async restart(): Promise<void> {
    await this.stop();
    this.start();
  }
}
