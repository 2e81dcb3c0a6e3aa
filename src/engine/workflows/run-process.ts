import { spawn } from 'node:child_process';
import { AppError, type Clock } from '../../base/index.ts';

/** A program to execute; no shell ever sees it. */
export interface ProcessRequest {
  /** Absolute path, or a name that is looked for on `env.PATH`. */
  readonly executable: string;
  readonly args: readonly string[];
  /** Absolute. */
  readonly cwd: string;
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
  readonly timeoutMs: number;
  /** Most bytes kept of stdout and of stderr each; the rest is read and dropped. */
  readonly mostOutputBytes: number;
  readonly signal: AbortSignal;
}

export interface ProcessOutcome {
  /** `null` when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly truncated: boolean;
}

/** Executes a program. Errors: `not_found` (no such program), `forbidden` (not executable), `timeout`; after an abort its reason. */
export type ProcessRunner = (request: ProcessRequest) => Promise<ProcessOutcome>;

/** Between the polite end of a process group and the other one. */
const killAfterMs = 2000;

class Collected {
  readonly #most: number;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  truncated = false;

  constructor(most: number) {
    this.#most = most;
  }

  readonly add = (chunk: Buffer): void => {
    const room = this.#most - this.#bytes;
    if (chunk.length > room) this.truncated = true;
    if (room <= 0) return;
    const kept = chunk.length > room ? chunk.subarray(0, room) : chunk;
    this.#chunks.push(kept);
    this.#bytes += kept.length;
  };

  get text(): string {
    // U+0000 is nothing that the database can hold.
    return new TextDecoder().decode(Buffer.concat(this.#chunks)).replaceAll('\0', '\uFFFD');
  }
}

function spawnError(error: NodeJS.ErrnoException, executable: string): AppError {
  if (error.code === 'ENOENT')
    return new AppError('not_found', `there is no program "${executable}" on this machine`, { cause: error });
  if (error.code === 'EACCES')
    return new AppError('forbidden', `"${executable}" may not be executed`, { cause: error });
  return new AppError('upstream_error', `"${executable}" could not be started`, { cause: error });
}

/** Executes programs of this machine, each in a process group of its own, which ends with the time-out or the signal. */
export function createProcessRunner(deps: { readonly clock: Clock }): ProcessRunner {
  const { clock } = deps;
  return (request) =>
    new Promise<ProcessOutcome>((resolve, reject) => {
      const { executable, signal, timeoutMs } = request;
      if (signal.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const stdout = new Collected(request.mostOutputBytes);
      const stderr = new Collected(request.mostOutputBytes);
      const child = spawn(executable, request.args, {
        cwd: request.cwd,
        env: request.env,
        shell: false,
        detached: true,
        windowsHide: true,
        stdio: ['pipe', 'pipe', 'pipe'],
      });
      let failure: Error | undefined;
      let cancelKill = (): void => {};
      const killGroup = (name: NodeJS.Signals): void => {
        if (child.pid === undefined) return;
        try {
          process.kill(-child.pid, name);
        } catch {
          // The group has ended by itself.
        }
      };
      /** What left the group may hold the pipes open for ever: nobody waits for that. */
      const giveUp = (): void => {
        killGroup('SIGKILL');
        child.stdout.destroy();
        child.stderr.destroy();
        settle(() => reject(failure ?? new AppError('internal', 'gave up without a reason')));
      };
      const stop = (reason: Error): void => {
        failure ??= reason;
        killGroup('SIGTERM');
        // The program itself has ended before, and somebody else holds its pipes.
        if (child.exitCode !== null || child.signalCode !== null) giveUp();
        else cancelKill = clock.after(killAfterMs, () => killGroup('SIGKILL'));
      };
      const onAbort = (): void => stop(signal.reason as Error);
      const cancelTimeout = clock.after(timeoutMs, () =>
        stop(new AppError('timeout', `"${executable}" did not end within ${timeoutMs} ms`)),
      );
      signal.addEventListener('abort', onAbort, { once: true });
      const settle = (finish: () => void): void => {
        cancelTimeout();
        cancelKill();
        signal.removeEventListener('abort', onAbort);
        finish();
      };
      child.stdout.on('data', stdout.add);
      child.stderr.on('data', stderr.add);
      // A program may end without reading what it is given.
      child.stdin.on('error', () => {});
      child.stdin.end(request.stdin);
      child.once('error', (error) => settle(() => reject(failure ?? spawnError(error, executable))));
      // What a stopped program left behind may hold its pipes open: its own end is enough then.
      child.once('exit', () => {
        if (failure !== undefined) giveUp();
      });
      child.once('close', (exitCode, endedBy) =>
        settle(() => {
          if (failure !== undefined) reject(failure);
          else
            resolve({
              exitCode,
              signal: endedBy,
              stdout: stdout.text,
              stderr: stderr.text,
              truncated: stdout.truncated || stderr.truncated,
            });
        }),
      );
    });
}
