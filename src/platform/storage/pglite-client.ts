import { Worker } from 'node:worker_threads';
import { AppError, type Clock, type Logger } from '../../base/index.ts';
import { columnParser } from './column-values.ts';
import { EmbeddedDatabaseError, isDiskFull, toStorageError } from './database-errors.ts';
import type {
  PgliteParameters,
  PgliteReply,
  PgliteRequest,
  PgliteRows,
  PgliteWorkerData,
} from './pglite-messages.ts';
import { spareMemory } from './spare-memory.ts';
import type { SqlResult } from './sql-session.ts';

export interface PgliteClientDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** What the next worker begins with; asked again at each restart. */
  readonly workerData: () => PgliteWorkerData;
  /** Called when a lost worker has been replaced. Not called in memory mode, where nothing is left to go on with. */
  readonly onRestart: () => void;
  readonly onNotification: (channel: string, payload: string) => void;
}

interface Pending {
  readonly resolve: (value: readonly PgliteRows[] | Uint8Array) => void;
  readonly reject: (error: unknown) => void;
  readonly limitMs: number;
}

type Body =
  | { kind: 'run'; text: string; parameters: PgliteParameters; inTransaction: boolean }
  | { kind: 'ping' | 'close' | 'dump' };

const openLimitMs = 120_000;
const pingLimitMs = 4_000;
const watchEveryMs = 2_000;

/** Rows as objects, read by the column's type. */
export function readRows({ names, types, rows }: PgliteRows): Record<string, unknown>[] {
  const parsers = types.map(columnParser);
  return rows.map((values) => {
    const row: Record<string, unknown> = {};
    for (const [index, name] of names.entries()) {
      const value = values[index];
      row[name] = value === null || value === undefined ? null : parsers[index]?.(value);
    }
    return row;
  });
}

/** The last statement's result in the driver's form. */
export function toSqlResult(results: readonly PgliteRows[]): SqlResult {
  const last = results.at(-1);
  if (last === undefined) return { command: '', rowCount: 0, rows: [] };
  return { command: last.command, rowCount: last.rowCount, rows: readRows(last) };
}

/**
 * This thread's side of the embedded database: sends statements to the worker, which answers in order, and replaces a
 * worker that does not answer any more. Knows nothing of locks.
 */
export class PgliteClient {
  readonly #deps: PgliteClientDeps;
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | undefined;
  #nextId = 1;
  // When the request that the worker is at now became its turn.
  #headSince = 0;
  #stopWatching = (): void => {};
  #generation = 0;
  #reopened: Promise<void> | undefined;
  #state: 'closed' | 'opening' | 'open' | 'failed' = 'closed';

  constructor(deps: PgliteClientDeps) {
    this.#deps = deps;
  }

  get state(): 'closed' | 'opening' | 'open' | 'failed' {
    return this.#state;
  }

  /** Grows with each worker: what was begun in one cannot go on in the next. */
  get generation(): number {
    return this.#generation;
  }

  /** While a lost worker is being replaced: resolves when that is over, well or not. */
  get reopened(): Promise<void> | undefined {
    return this.#reopened;
  }

  /** Milliseconds since the worker last made progress with what it was asked; 0 when it has nothing to do. */
  get busyForMs(): number {
    return this.#pending.size === 0 ? 0 : this.#deps.clock.now() - this.#headSince;
  }

  async open(): Promise<void> {
    this.#state = 'opening';
    try {
      await this.#spawn();
    } catch (error) {
      this.#state = 'failed';
      throw error;
    }
    this.#state = 'open';
    this.#stopWatching();
    this.#stopWatching = this.#deps.clock.every(watchEveryMs, () => this.#watch());
  }

  async run(
    text: string,
    parameters: PgliteParameters,
    inTransaction: boolean,
    limitMs: number,
  ): Promise<readonly PgliteRows[]> {
    return (await this.#request(
      { kind: 'run', text, parameters, inTransaction },
      limitMs,
    )) as readonly PgliteRows[];
  }

  /** The packed data folder (tar, gzip). */
  async dump(limitMs: number): Promise<Uint8Array> {
    return (await this.#request({ kind: 'dump' }, limitMs)) as Uint8Array;
  }

  async close(limitMs: number): Promise<void> {
    await this.#reopened;
    if (this.#state === 'closed') return;
    this.#stopWatching();
    const worker = this.#worker;
    try {
      if (this.#state === 'open') {
        const cancelTimer = this.#deps.clock.after(limitMs, () =>
          this.#fail('The embedded database did not close in time.'),
        );
        await this.#request({ kind: 'close' }, limitMs).finally(cancelTimer);
      }
    } catch (error) {
      this.#deps.logger.warn({ error: String(error) }, 'the embedded database was not closed cleanly');
    }
    this.#state = 'closed';
    this.#worker = undefined;
    this.#fail('The embedded database is closed.');
    await worker?.terminate();
  }

  /** Gives up the worker with all that it was asked, and opens the folder with a new one. */
  restart(reason: string): Promise<void> {
    if (this.#state !== 'open') return this.#reopened ?? Promise.resolve();
    this.#state = 'opening';
    this.#generation += 1;
    this.#reopened = this.#replaceWorker(reason).finally(() => {
      this.#reopened = undefined;
    });
    return this.#reopened;
  }

  async #replaceWorker(reason: string): Promise<void> {
    this.#stopWatching();
    const worker = this.#worker;
    this.#worker = undefined;
    this.#deps.logger.error({ reason }, 'the embedded database is restarted');
    await worker?.terminate();
    this.#fail(`The embedded database was restarted: ${reason}.`);
    try {
      if (this.#deps.workerData().dataDir === undefined) throw new Error('it was in memory only');
      await this.open();
      this.#deps.onRestart();
    } catch (error) {
      this.#state = 'failed';
      this.#deps.logger.error({ error: String(error) }, 'the embedded database could not be opened again');
    }
  }

  #request(body: Body, limitMs: number): Promise<readonly PgliteRows[] | Uint8Array> {
    const worker = this.#worker;
    if (this.#state !== 'open' || worker === undefined) {
      return Promise.reject(new AppError('storage_unavailable', `The embedded database is ${this.#state}.`));
    }
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      if (this.#pending.size === 0) this.#headSince = this.#deps.clock.now();
      this.#pending.set(id, { resolve, reject, limitMs });
      worker.postMessage({ id, ...body } satisfies PgliteRequest, []);
    });
  }

  #spawn(): Promise<void> {
    spareMemory();
    // Sources run as they are in development; the package holds compiled files.
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const worker = new Worker(new URL(`./pglite-worker.${extension}`, import.meta.url), {
      workerData: this.#deps.workerData(),
      // Neither debugger flags nor test loaders of the main thread belong there.
      execArgv: [],
      // What passes through dies young; more room would only be kept.
      resourceLimits: { maxYoungGenerationSizeMb: 16 },
    });
    this.#worker = worker;
    const opened = Promise.withResolvers<void>();
    const cancelTimer = this.#deps.clock.after(openLimitMs, () => {
      opened.reject(new AppError('storage_unavailable', 'The embedded database did not open in time.'));
      void worker.terminate();
    });
    worker.on('message', (message: PgliteReply) => {
      if (message.kind === 'ready') opened.resolve();
      else if (message.kind === 'broken')
        opened.reject(toStorageError(new EmbeddedDatabaseError(message.error)));
      else if (worker === this.#worker) this.#receive(message);
    });
    worker.on('error', (error) => {
      opened.reject(error);
      if (worker === this.#worker) void this.restart(`its thread failed (${error.message})`);
    });
    worker.on('exit', () => {
      opened.reject(new AppError('storage_unavailable', 'The embedded database ended while it opened.'));
      if (worker === this.#worker) void this.restart('its thread ended');
    });
    return opened.promise.finally(cancelTimer);
  }

  #receive(message: Exclude<PgliteReply, { kind: 'ready' | 'broken' }>): void {
    if (message.kind === 'notification') {
      this.#deps.onNotification(message.channel, message.payload);
      return;
    }
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    this.#headSince = this.#deps.clock.now();
    if (message.kind === 'done') pending?.resolve(message.results);
    else if (message.kind === 'dumped') pending?.resolve(message.bytes);
    else {
      pending?.reject(toStorageError(new EmbeddedDatabaseError(message.error)));
      // After the first failure for want of space the next statement would spin for ever.
      if (isDiskFull(message.error)) void this.restart('the disk is full');
    }
  }

  #watch(): void {
    const head = this.#pending.values().next().value;
    if (head === undefined) {
      this.#request({ kind: 'ping' }, pingLimitMs).catch(() => {});
    } else if (this.busyForMs > head.limitMs) {
      void this.restart(`no answer within ${head.limitMs} ms`);
    }
  }

  #fail(message: string): void {
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of pending) reject(new AppError('storage_unavailable', message));
  }
}
