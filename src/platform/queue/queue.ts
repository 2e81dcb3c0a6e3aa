import type { RawBuilder, Transaction } from 'kysely';
import type { HealthReport, JsonObject, Service } from '../../base/index.ts';
import type { Database } from '../storage/index.ts';

/** The platform's queues. A job of `runs` names a root run, one of `deliveries` a response. */
export type QueueName = 'runs' | 'deliveries';

/** A job held by this process. `attempt` counts from 1. The object is the proof of possession: pass it, never its id. */
export interface QueueJob {
  readonly id: string;
  readonly queue: QueueName;
  readonly key: string;
  readonly payload: JsonObject;
  readonly attempt: number;
  /** The engine's own handle. */
  readonly handle: unknown;
}

export interface SendJob {
  /** UUID of the new job; a fresh one when left out. */
  readonly id?: string;
  readonly payload: JsonObject;
  /** Jobs of one key run one at a time, in the order they were sent. */
  readonly key: string;
  /** Not before then. A deferred job does not hold its key. */
  readonly notBefore?: Date;
  /** Jobs of one group share a part of the pumps; see `ConsumeJobs.perGroup`. */
  readonly group?: string;
}

/** How a pump takes jobs. */
export interface ConsumeJobs {
  /** Jobs under way at once in this process. */
  readonly concurrency: number;
  readonly pollIntervalMs?: number;
  /** Most jobs of one group under way at once, over all processes; left out: as many as there is room for. */
  readonly perGroup?: number;
}

/** A job that keeps failing, or has failed for good, and so holds back its key. */
export interface StuckJob {
  readonly id: string;
  readonly queue: QueueName;
  readonly key: string;
  readonly payload: JsonObject;
  readonly failures: number;
  /** What it failed with last. */
  readonly error: string;
}

/** A running pump over one queue. */
export interface QueueConsumer {
  /** Look for jobs now: call it after the commit of a `send` in this process. */
  wake(): void;
  /** Takes no further jobs and resolves when those under way have ended. */
  stop(): Promise<void>;
  /** Jobs under way now. */
  readonly active: number;
}

/**
 * Durable work: jobs are written in the caller's transaction and survive the process.
 *
 * Order: per key strictly first in, first out, over all processes. A job that is under way, or waits for a retry,
 * holds back its key, and so does one that was put off. Delivery: at least once; a handler that throws gets its job again
 * after a back-off.
 */
export interface Queue extends Service {
  /** Adds a job within the transaction and returns its id. */
  send(queue: QueueName, job: SendJob, trx: Transaction<Database>): Promise<string>;
  /** Adds many jobs at once, in order, within the transaction. Each has an id. */
  sendAll(
    queue: QueueName,
    jobs: readonly (SendJob & { readonly id: string })[],
    trx: Transaction<Database>,
  ): Promise<void>;
  /**
   * Starts this process's one pump over a queue. The handler settles its job by `complete` inside its own transaction;
   * a job that the handler did not complete when it returns is completed for it.
   */
  consume(queue: QueueName, options: ConsumeJobs, handler: (job: QueueJob) => Promise<void>): QueueConsumer;
  /** Completes a job within the transaction. False: the job is no longer this process's; roll back. */
  complete(job: QueueJob, trx: Transaction<Database>): Promise<boolean>;
  /**
   * Puts a job off within the transaction: it goes back to the queue, keeps its key and its place, and is taken again
   * not before then, under a new id and as its first attempt. False: the job is no longer this process's; roll back.
   */
  postpone(job: QueueJob, notBefore: Date, trx: Transaction<Database>): Promise<boolean>;
  /**
   * Lets jobs that wait for their time, put off or before a retry, be taken at once. `wanted`: SQL condition over a job's
   * `data`, its payload. Returns their number.
   */
  hasten(queue: QueueName, wanted: RawBuilder<unknown>): Promise<number>;
  /**
   * SQL of a query with one row as long as the job is this process's, and none once it has been given to another. Nobody
   * gives it away before the statement that contains it is committed.
   */
  held(job: QueueJob): RawBuilder<unknown>;
  /**
   * Gives jobs of a dead process back to the queue at once. Returns how many it gave back. `confirm` says which of them
   * are still a dead one's, asked when nobody can take them or write as their holder any more.
   */
  release(
    queue: QueueName,
    jobIds: readonly string[],
    confirm?: (trx: Transaction<Database>) => Promise<readonly string[]>,
  ): Promise<number>;
  /** Which of these jobs still exist and are not settled? */
  pending(queue: QueueName, jobIds: readonly string[]): Promise<ReadonlySet<string>>;
  /** Jobs that failed at least `failures` times in a row, at most 200. */
  stuck(failures: number): Promise<readonly StuckJob[]>;
  /** Lets a stuck job be taken at once, within the transaction. False when it is under way or done. */
  retryNow(queue: QueueName, jobId: string, trx: Transaction<Database>): Promise<boolean>;
  /** Removes a job that is not under way, within the transaction; its key goes on. False when there is none. */
  remove(queue: QueueName, jobId: string, trx: Transaction<Database>): Promise<boolean>;
  /** Jobs that wait or run, by queue. */
  depth(queue: QueueName): Promise<{ waiting: number; active: number }>;
  health(signal: AbortSignal): Promise<HealthReport>;
}
