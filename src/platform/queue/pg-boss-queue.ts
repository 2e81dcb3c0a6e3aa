import { sql, type RawBuilder, type Transaction } from 'kysely';
import { fromKysely, PgBoss, type Db, type JobWithMetadata } from 'pg-boss';
import { AppError, type Clock, type HealthReport, type JsonObject, type Logger } from '../../base/index.ts';
import type { Database, Storage } from '../storage/index.ts';
import { createJobId } from './job-id.ts';
import { JobLeases, type HeldAttempt } from './job-leases.ts';
import { QueuePump } from './queue-pump.ts';
import type { ConsumeJobs, Queue, QueueConsumer, QueueJob, QueueName, SendJob, StuckJob } from './queue.ts';

export interface PgBossQueueDeps {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long a job stays with a process that no longer shows that it works on it, in ms. */
  readonly leaseMs?: number;
}

const queueNames: readonly QueueName[] = ['runs', 'deliveries'];
const day = 86_400;
const queueOptions = {
  // Retries never run out: a failed job would block its key for ever. What must end, ends as data.
  retryLimit: 1_000_000,
  retryDelay: 1,
  retryBackoff: true,
  retryDelayMax: 300,
  // The longest that pg-boss allows; our own leases take jobs over long before.
  expireInSeconds: day,
  retentionSeconds: 3_650 * day,
  deleteAfterSeconds: 3_600,
  notify: true,
} as const;
const firstBackoffMs = 100;
const longestBackoffMs = 5_000;
const defaultLeaseMs = 6_000;
const defaultPollMs = { postgres: 1_000, pglite: 15_000 } as const;

/** What `QueueJob.handle` is here. `settled`: completed or put off within a transaction of the handler. */
interface Handle extends HeldAttempt {
  settled: boolean;
}

const handleOf = (job: QueueJob): Handle => job.handle as Handle;
const affected = (response: unknown): number => (response as { affected: number }).affected;

/** The queue on pg-boss, on both databases. */
export class PgBossQueue implements Queue {
  readonly name = 'queue';
  readonly #deps: PgBossQueueDeps;
  readonly #pumps = new Map<QueueName, Set<QueuePump>>();
  readonly #leases: JobLeases;
  #boss: PgBoss | undefined;
  #stopping = new AbortController();
  /** pg-boss's notification channel, known once it listens. */
  #channel: string | undefined;

  constructor(deps: PgBossQueueDeps) {
    this.#deps = deps;
    this.#leases = new JobLeases(deps, {
      leaseMs: deps.leaseMs ?? defaultLeaseMs,
      onReleased: (queue) => this.#wake(queue),
    });
  }

  async start(): Promise<void> {
    if (this.#boss !== undefined) return;
    const { logger, storage } = this.#deps;
    this.#stopping = new AbortController();
    const boss = new PgBoss({
      db: this.#database(),
      backend: storage.kind,
      useListenNotify: true,
      schedule: false,
      monitorVacuum: false,
      // No job of ours waits for others.
      flowIntervalSeconds: day,
      reindex: false,
    });
    boss.on('error', (error) => logger.warn({ error: error.message }, 'pg-boss reports a fault'));
    boss.on('warning', ({ message }) => logger.debug({ warning: message }, 'pg-boss warns'));
    await boss.start();
    try {
      const present = new Set((await boss.getQueues()).map(({ name }) => name));
      for (const name of queueNames) {
        if (present.has(name)) await boss.updateQueue(name, queueOptions);
        else await boss.createQueue(name, { ...queueOptions, policy: 'key_strict_fifo' });
        // Makes pg-boss know the queue. Otherwise the first send inside a transaction would look it up on a second
        // connection, which the embedded database does not have.
        await boss.getBlockedKeys(name);
      }
      await this.#leases.start();
    } catch (error) {
      await boss.stop({ graceful: false });
      throw error;
    }
    this.#boss = boss;
  }

  async stop(): Promise<void> {
    const boss = this.#boss;
    this.#stopping.abort();
    const pumps = [...this.#pumps.values()].flatMap((set) => [...set]);
    await Promise.all(pumps.map((pump) => pump.stop()));
    this.#pumps.clear();
    await this.#leases.stop();
    this.#boss = undefined;
    await boss?.stop({ graceful: false });
  }

  async send(queue: QueueName, job: SendJob, trx: Transaction<Database>): Promise<string> {
    const id = job.id ?? createJobId(this.#deps.clock.now());
    const sent = await this.#started.send(queue, job.payload, {
      id,
      singletonKey: job.key,
      ...(job.notBefore === undefined ? {} : { startAfter: job.notBefore }),
      ...(job.group === undefined ? {} : { group: { id: job.group } }),
      db: fromKysely(trx),
    });
    if (sent === null) {
      throw new AppError('conflict', `There is already a job ${id} in the queue ${queue}.`);
    }
    return sent;
  }

  async sendAll(
    queue: QueueName,
    jobs: readonly (SendJob & { readonly id: string })[],
    trx: Transaction<Database>,
  ): Promise<void> {
    if (jobs.length === 0) return;
    await this.#started.insert(
      queue,
      jobs.map(({ id, payload, key, notBefore, group }) => ({
        id,
        data: payload,
        singletonKey: key,
        ...(notBefore === undefined ? {} : { startAfter: notBefore }),
        ...(group === undefined ? {} : { group: { id: group } }),
      })),
      { db: fromKysely(trx) },
    );
  }

  consume(queue: QueueName, options: ConsumeJobs, handler: (job: QueueJob) => Promise<void>): QueueConsumer {
    const { clock, logger, storage } = this.#deps;
    const pumps = this.#pumps.get(queue) ?? new Set();
    const pump = new QueuePump({
      clock,
      logger: logger.child({ queue }),
      concurrency: options.concurrency,
      fullBatch: options.perGroup ?? options.concurrency,
      pollIntervalMs: options.pollIntervalMs ?? defaultPollMs[storage.kind],
      fetch: (limit) => this.#fetch(queue, limit, options.perGroup),
      run: (job) => this.#run(job, handler),
    });
    pumps.add(pump);
    this.#pumps.set(queue, pumps);
    void pump.ended.then(() => pumps.delete(pump));
    return pump;
  }

  async complete(job: QueueJob, trx: Transaction<Database>): Promise<boolean> {
    const handle = handleOf(job);
    const attempt = { id: job.id, retryCount: handle.retryCount };
    const response = await this.#started.complete(job.queue, attempt, null, { db: fromKysely(trx) });
    handle.settled = affected(response) === 1;
    return handle.settled;
  }

  async postpone(job: QueueJob, notBefore: Date, trx: Transaction<Database>): Promise<boolean> {
    const handle = handleOf(job);
    // A job that waits for a retry holds its key and is the first of it. The new id keeps out whoever still holds the
    // old one, so that the count can begin anew: waiting is no failure, and delays no later retry.
    const { numAffectedRows } = await sql`
      update pgboss.job set id = ${createJobId(this.#deps.clock.now())}::uuid, state = 'retry', retry_count = 0,
        start_after = ${notBefore}::timestamptz, started_on = null, heartbeat_on = null, output = null
      where name = ${job.queue} and id = ${job.id}::uuid and state = 'active'
        and retry_count = ${handle.retryCount}::int`.execute(trx);
    handle.settled = numAffectedRows === 1n;
    return handle.settled;
  }

  async hasten(queue: QueueName, wanted: RawBuilder<unknown>): Promise<number> {
    const { storage } = this.#deps;
    const hastened = await storage.transaction(async (trx) => {
      const { numAffectedRows = 0n } = await sql`
        update pgboss.job set start_after = now()
        where name = ${queue} and state = 'retry' and start_after > now() and ${wanted}`.execute(trx);
      if (numAffectedRows > 0n && this.#channel !== undefined)
        await storage.notify(trx, this.#channel, queue);
      return Number(numAffectedRows);
    });
    if (hastened > 0) this.#wake(queue);
    return hastened;
  }

  held(job: QueueJob): RawBuilder<unknown> {
    const { queue, jobId, retryCount } = handleOf(job);
    return sql`
      select 1 from pgboss.job
      where name = ${queue} and id = ${jobId}::uuid and state = 'active' and retry_count = ${retryCount}::int for share`;
  }

  async release(
    queue: QueueName,
    jobIds: readonly string[],
    confirm: (trx: Transaction<Database>) => Promise<readonly string[]> = () => Promise.resolve(jobIds),
  ): Promise<number> {
    if (jobIds.length === 0) return 0;
    const { storage } = this.#deps;
    const released = await storage.transaction(async (trx) => {
      // One that is locked is being worked on.
      const { rows } = await sql<{ id: string }>`
        select id from pgboss.job where name = ${queue} and id = any(${[...jobIds]}::uuid[]) and state = 'active'
        for update skip locked`.execute(trx);
      if (rows.length === 0) return 0;
      const confirmed = new Set(await confirm(trx));
      const stranded = rows.flatMap(({ id }) => (confirmed.has(id) ? [id] : []));
      // Not `boss.fail`: that would keep those of the dead process back for a while. Their key stays held, so nothing
      // overtakes them.
      await sql`
        update pgboss.job set state = 'retry', start_after = now(), heartbeat_on = null
        where name = ${queue} and id = any(${stranded}::uuid[])`.execute(trx);
      if (stranded.length > 0 && this.#channel !== undefined) await storage.notify(trx, this.#channel, queue);
      return stranded.length;
    });
    this.#wake(queue);
    return released;
  }

  async pending(queue: QueueName, jobIds: readonly string[]): Promise<ReadonlySet<string>> {
    if (jobIds.length === 0) return new Set();
    const { rows } = await sql<{ id: string }>`
      select id from pgboss.job
      where name = ${queue} and id = any(${[...jobIds]}::uuid[]) and state < 'completed'`.execute(
      this.#deps.storage.db,
    );
    return new Set(rows.map(({ id }) => id));
  }

  async stuck(failures: number): Promise<readonly StuckJob[]> {
    const { rows } = await sql<{
      id: string;
      name: QueueName;
      key: string | null;
      data: JsonObject;
      failures: number;
      error: string | null;
    }>`
      select id, name, singleton_key as key, data, retry_count + (state = 'failed')::int as failures,
        output ->> 'message' as error
      from pgboss.job where name = any(${[...queueNames]}) and (state = 'failed' or (state = 'retry' and retry_count >= ${failures}::int))
      order by created_on limit 200`.execute(this.#deps.storage.db);
    return rows.map(({ name, key, data, error, ...row }) => ({
      ...row,
      queue: name,
      key: key ?? '',
      payload: data,
      error: error ?? 'no reason was given',
    }));
  }

  async retryNow(queue: QueueName, jobId: string, trx: Transaction<Database>): Promise<boolean> {
    const { numAffectedRows } = await sql`
      update pgboss.job set state = 'retry', start_after = now(), completed_on = null
      where name = ${queue} and id = ${jobId}::uuid and state in ('created', 'retry', 'failed')`.execute(trx);
    if (this.#channel !== undefined) await this.#deps.storage.notify(trx, this.#channel, queue);
    return numAffectedRows === 1n;
  }

  async remove(queue: QueueName, jobId: string, trx: Transaction<Database>): Promise<boolean> {
    const { numAffectedRows } = await sql`
      delete from pgboss.job
      where name = ${queue} and id = ${jobId}::uuid and state in ('created', 'retry', 'failed')`.execute(trx);
    if (this.#channel !== undefined) await this.#deps.storage.notify(trx, this.#channel, queue);
    return numAffectedRows === 1n;
  }

  async depth(queue: QueueName): Promise<{ waiting: number; active: number }> {
    const { rows } = await sql<{ waiting: number; active: number }>`
      select count(*) filter (where state < 'active') as waiting, count(*) filter (where state = 'active') as active
      from pgboss.job where name = ${queue} and state < 'completed'`.execute(this.#deps.storage.db);
    return { waiting: rows[0]?.waiting ?? 0, active: rows[0]?.active ?? 0 };
  }

  async health(signal: AbortSignal): Promise<HealthReport> {
    if (this.#boss === undefined) return { status: 'down', detail: 'The queue is not started.' };
    const { status } = await this.#deps.storage.health(signal);
    if (status === 'down') return { status, detail: 'The database of the queue does not answer.' };
    const active = [...this.#pumps.values()]
      .flatMap((set) => [...set])
      .reduce((sum, pump) => sum + pump.active, 0);
    return { status: 'ok', detail: 'The queue works.', metrics: { active } };
  }

  get #started(): PgBoss {
    if (this.#boss === undefined) throw new AppError('not_ready', 'The queue is not started.');
    return this.#boss;
  }

  // pg-boss listens for its own notifications through this; our pumps hear them too.
  #database(): Db {
    const { storage } = this.#deps;
    return {
      executeSql: (text, values) => storage.bossDatabase.executeSql(text, values),
      listen: async (channel, onNotification, onReconnect) => {
        this.#channel = channel;
        const subscription = await storage.listen(
          channel,
          (payload) => {
            onNotification(payload);
            this.#wake(payload);
          },
          () => {
            onReconnect();
            for (const name of queueNames) this.#wake(name);
          },
        );
        return { close: () => subscription.close() };
      },
    };
  }

  #wake(queue: string): void {
    for (const pump of this.#pumps.get(queue as QueueName) ?? []) pump.wake();
  }

  async #fetch(queue: QueueName, limit: number, perGroup?: number): Promise<readonly QueueJob[]> {
    const jobs = await this.#started.fetch<JsonObject>(queue, {
      batchSize: limit,
      includeMetadata: true,
      ...(perGroup === undefined ? {} : { groupConcurrency: perGroup }),
    });
    return jobs.map((job: JobWithMetadata<JsonObject>) => {
      const handle: Handle = { queue, jobId: job.id, retryCount: job.retryCount, settled: false };
      this.#leases.hold(handle);
      return {
        id: job.id,
        queue,
        key: job.singletonKey ?? '',
        payload: job.data,
        attempt: job.retryCount + 1,
        handle,
      };
    });
  }

  async #run(job: QueueJob, handler: (job: QueueJob) => Promise<void>): Promise<void> {
    try {
      await this.#handle(job, handler);
    } finally {
      this.#leases.letGo(handleOf(job));
    }
  }

  async #handle(job: QueueJob, handler: (job: QueueJob) => Promise<void>): Promise<void> {
    const { logger } = this.#deps;
    const attempt = { id: job.id, retryCount: handleOf(job).retryCount };
    try {
      await handler(job);
      if (handleOf(job).settled) return;
    } catch (error) {
      logger.warn(
        { queue: job.queue, job: job.id, attempt: job.attempt, error: String(error) },
        'job failed',
      );
      const reason = { message: error instanceof Error ? error.message : String(error) };
      await this.#settle(job, (boss) => boss.fail(job.queue, attempt, reason));
      return;
    }
    await this.#settle(job, (boss) => boss.complete(job.queue, attempt));
  }

  // Not settled it would hold its key, so this goes on until the database answers; the fence makes it safe to repeat.
  async #settle(job: QueueJob, act: (boss: PgBoss) => Promise<unknown>): Promise<void> {
    const { clock, logger } = this.#deps;
    for (let failures = 0; this.#boss !== undefined && !this.#stopping.signal.aborted; failures += 1) {
      try {
        await act(this.#boss);
        return;
      } catch (error) {
        if (failures === 0)
          logger.warn({ job: job.id, error: String(error) }, 'cannot settle a job; trying again');
        const backoff = Math.min(longestBackoffMs, firstBackoffMs * 2 ** Math.min(failures, 10));
        await clock.sleep(backoff, { signal: this.#stopping.signal }).catch(() => {});
      }
    }
  }
}
