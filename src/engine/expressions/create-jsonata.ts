import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { AppError, type Clock, type Json } from '../../base/index.ts';
import { shorten } from './expression-failure.ts';
import type { JsonataReply, JsonataRequest } from './jsonata-messages.ts';

export interface JsonataOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Evaluates JSONata in processes of its own, which see nothing but the expression and its input. Threads would not do: an
 * expression that needs too much memory ends the whole process of its thread.
 */
export interface Jsonata {
  /** Nothing found is `null`. Errors: `expression_failed`, `timeout`; after an abort its reason. */
  evaluate(expression: string, input: Json, options: JsonataOptions): Promise<Json>;
  /** Ends the processes. */
  close(): Promise<void>;
}

export interface JsonataDeps {
  readonly clock: Clock;
  /** Processes at most; more evaluations wait for one. */
  readonly processes?: number;
  /** Most memory of one process for values, in MB. */
  readonly memoryMb?: number;
}

/** A process that nobody asked anything for this long ends. */
const idleMs = 60_000;
const longestExpression = 20_000;
/** Longest result as JSON. */
const mostCharacters = 32 * 1024 * 1024;

interface Job {
  readonly request: JsonataRequest;
  readonly resolve: (value: Json) => void;
  readonly reject: (error: Error) => void;
  /** Stops listening to the signal. */
  readonly leave: () => void;
}

function failure(job: Job, reason: string, cause?: unknown): AppError {
  return new AppError('expression_failed', `JSONata ${shorten(job.request.expression)}: ${reason}`, {
    cause,
  });
}

interface WorkerEvents {
  readonly onFree: () => void;
  readonly onEnd: (worker: JsonataWorker) => void;
}

class JsonataWorker {
  readonly #deps: JsonataDeps;
  readonly #events: WorkerEvents;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  #job: Job | undefined;
  #cancelTimer = (): void => {};

  constructor(deps: JsonataDeps, events: WorkerEvents) {
    this.#deps = deps;
    this.#events = events;
    // Sources run as they are in development; the package holds compiled files.
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const memoryMb = deps.memoryMb ?? 128;
    this.#child = fork(fileURLToPath(new URL(`./jsonata-worker.${extension}`, import.meta.url)), {
      execArgv: [
        `--max-old-space-size=${memoryMb}`,
        '--max-semi-space-size=8',
        '--disallow-code-generation-from-strings',
        // It may start and write nothing; it reads its own code, which an expression has no way to: its context holds the
        // language alone.
        '--permission',
        '--allow-fs-read=*',
      ],
      env: {},
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#exited = promise;
    this.#child.on('message', (reply: JsonataReply) => this.#receive(reply));
    this.#child.on('error', (error) => {
      this.#end((job) => failure(job, `its process failed (${error.message})`, error));
      resolve();
    });
    this.#child.on('exit', (_code, signal) => {
      // What V8 does when memory is used up.
      const reason =
        signal === 'SIGABRT' || signal === 'SIGTRAP'
          ? `it needs more memory than the ${memoryMb} MB that are allowed`
          : 'its process ended';
      this.#end((job) => failure(job, reason));
      resolve();
    });
    this.#keepAlive(false);
    this.#rest();
  }

  get job(): Job | undefined {
    return this.#job;
  }

  start(job: Job): void {
    this.#cancelTimer();
    this.#job = job;
    this.#keepAlive(true);
    this.#cancelTimer = this.#deps.clock.after(job.request.timeoutMs, () =>
      this.stop(
        new AppError(
          'timeout',
          `JSONata ${shorten(job.request.expression)}: did not end within ${job.request.timeoutMs} ms`,
        ),
      ),
    );
    this.#child.send(job.request, (error) => {
      if (error !== null) this.#end(() => failure(job, 'its process ended', error));
    });
  }

  /** Ends the process, with what it is doing: nothing else stops an expression. */
  stop(reason: Error): void {
    this.#end(() => reason);
    this.#child.kill('SIGKILL');
  }

  async close(): Promise<void> {
    this.#end((job) => failure(job, 'the server ends'));
    this.#keepAlive(true);
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  /** No process stays up for a worker that waits for work. */
  #keepAlive(wanted: boolean): void {
    if (wanted) {
      this.#child.ref();
      this.#child.channel?.ref();
    } else {
      this.#child.unref();
      this.#child.channel?.unref();
    }
  }

  #rest(): void {
    this.#cancelTimer = this.#deps.clock.after(idleMs, () => void this.close());
  }

  #end(errorOf: (job: Job) => Error): void {
    this.#cancelTimer();
    const job = this.#job;
    this.#job = undefined;
    this.#events.onEnd(this);
    if (job === undefined) return;
    job.leave();
    job.reject(errorOf(job));
  }

  #receive(reply: JsonataReply): void {
    const job = this.#job;
    if (job === undefined || job.request.id !== reply.id) return;
    this.#job = undefined;
    this.#cancelTimer();
    this.#keepAlive(false);
    job.leave();
    if (reply.kind === 'failed') {
      const place = reply.position === undefined ? '' : ` (at character ${reply.position})`;
      job.reject(failure(job, `${reply.message}${place}`));
    } else if (reply.value.length > mostCharacters)
      job.reject(failure(job, `the result is longer than ${mostCharacters} characters`));
    else job.resolve(JSON.parse(reply.value) as Json);
    this.#rest();
    this.#events.onFree();
  }
}

class ProcessJsonata implements Jsonata {
  readonly #deps: JsonataDeps;
  readonly #workers = new Set<JsonataWorker>();
  readonly #waiting: Job[] = [];
  #nextId = 1;
  #closed = false;

  constructor(deps: JsonataDeps) {
    this.#deps = deps;
  }

  evaluate(expression: string, input: Json, options: JsonataOptions): Promise<Json> {
    const { timeoutMs, signal } = options;
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error);
    if (expression.length > longestExpression)
      return Promise.reject(
        new AppError(
          'expression_failed',
          `a JSONata expression of more than ${longestExpression} characters`,
        ),
      );
    return new Promise((resolve, reject) => {
      const onAbort = (): void => this.#abort(job, signal?.reason as Error);
      const job: Job = {
        request: { id: this.#nextId, expression, input: JSON.stringify(input), timeoutMs },
        resolve,
        reject,
        leave: () => signal?.removeEventListener('abort', onAbort),
      };
      this.#nextId += 1;
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(job);
      this.#next();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const job of this.#waiting.splice(0)) {
      job.leave();
      job.reject(failure(job, 'the server ends'));
    }
    await Promise.all([...this.#workers].map((worker) => worker.close()));
  }

  #abort(job: Job, reason: Error): void {
    const place = this.#waiting.indexOf(job);
    if (place !== -1) {
      this.#waiting.splice(place, 1);
      job.leave();
      job.reject(reason);
      return;
    }
    [...this.#workers].find((worker) => worker.job === job)?.stop(reason);
  }

  #next(): void {
    if (this.#closed || this.#waiting.length === 0) return;
    let free = [...this.#workers].find((worker) => worker.job === undefined);
    if (free === undefined && this.#workers.size < (this.#deps.processes ?? 2)) {
      free = new JsonataWorker(this.#deps, {
        onFree: () => this.#next(),
        onEnd: (worker) => {
          if (this.#workers.delete(worker)) this.#next();
        },
      });
      this.#workers.add(free);
    }
    const job = free === undefined ? undefined : this.#waiting.shift();
    if (job !== undefined) free?.start(job);
  }
}

/** Makes an evaluator of JSONata; its processes start when they are needed. */
export function createJsonata(deps: JsonataDeps): Jsonata {
  return new ProcessJsonata(deps);
}
