import { hostname } from 'node:os';
import { sql } from 'kysely';
import type { Clock, Logger, Service } from '../../base/index.ts';
import type { Queue } from '../../platform/queue/index.ts';
import type { Storage } from '../../platform/storage/index.ts';
import { defaultTenant } from '../../protocol/index.ts';
import { deliveryMarks } from './delivery-store.ts';

const leaseMs = 15_000;

/** Shows that this process delivers, and gives back the jobs that an ended process held: they would block their chats. */
export class DeliveryLease implements Service {
  readonly name = 'delivery-lease';
  readonly #deps: { storage: Storage; queue: Queue; clock: Clock; logger: Logger };
  readonly #workerId: string;
  readonly #onReleased: () => void;
  #cancel: (() => void) | undefined;
  #beating: Promise<void> | undefined;

  constructor(
    deps: { storage: Storage; queue: Queue; clock: Clock; logger: Logger },
    parts: { workerId: string; onReleased: () => void },
  ) {
    this.#deps = deps;
    this.#workerId = parts.workerId;
    this.#onReleased = parts.onReleased;
  }

  async start(): Promise<void> {
    if (this.#cancel !== undefined) return;
    await this.#forgetDead();
    await this.#beat();
    this.#cancel = this.#deps.clock.every(leaseMs / 3, () => {
      this.#beating ??= this.#beat()
        .catch((error: unknown) => this.#deps.logger.debug({ error }, 'delivery heartbeat not written'))
        .finally(() => {
          this.#beating = undefined;
        });
    });
  }

  async stop(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    await this.#beating;
    await sql`
      delete from channel_state where tenant = ${defaultTenant} and channel = ${deliveryMarks.channel}
        and key = ${deliveryMarks.worker} and account_id = ${this.#workerId}`.execute(this.#deps.storage.db);
  }

  async #beat(): Promise<void> {
    const value = JSON.stringify({ host: hostname(), pid: process.pid });
    await sql`
      insert into channel_state (tenant, channel, account_id, key, value, updated_at)
      values (${defaultTenant}, ${deliveryMarks.channel}, ${this.#workerId}, ${deliveryMarks.worker}, ${value}::jsonb, now())
      on conflict (tenant, channel, account_id, key) do update set updated_at = excluded.updated_at`.execute(
      this.#deps.storage.db,
    );
    await this.#releaseStranded();
  }

  /** The embedded database has one process only, and a process of this host can be asked whether it lives. */
  async #forgetDead(): Promise<void> {
    const { storage } = this.#deps;
    const { rows } = await sql<{ account_id: string; value: { host: string; pid: number } }>`
      select account_id, value from channel_state
      where tenant = ${defaultTenant} and channel = ${deliveryMarks.channel} and key = ${deliveryMarks.worker}
        and account_id <> ${this.#workerId}`.execute(storage.db);
    for (const { account_id: id, value } of rows) {
      const dead = storage.kind === 'pglite' || (value.host === hostname() && !isAlive(value.pid));
      if (!dead) continue;
      await sql`
        delete from channel_state where tenant = ${defaultTenant} and channel = ${deliveryMarks.channel}
          and key = ${deliveryMarks.worker} and account_id = ${id}`.execute(storage.db);
    }
  }

  async #releaseStranded(): Promise<void> {
    const { storage, queue, logger } = this.#deps;
    const { rows } = await sql<{ job_id: string }>`
      select held.account_id as job_id from channel_state held
      where held.tenant = ${defaultTenant} and held.channel = ${deliveryMarks.channel} and held.key = ${deliveryMarks.held}
        and not exists (select 1 from channel_state worker
          where worker.tenant = held.tenant and worker.channel = held.channel and worker.key = ${deliveryMarks.worker}
            and worker.account_id = held.value->>'worker'
            and worker.updated_at > now() - make_interval(secs => ${leaseMs / 1000}::float8))
      limit 500`.execute(storage.db);
    if (rows.length === 0) return;
    const jobs = rows.map((row) => row.job_id);
    const released = await queue.release('deliveries', jobs);
    await sql`
      delete from channel_state where tenant = ${defaultTenant} and channel = ${deliveryMarks.channel}
        and key = ${deliveryMarks.held} and account_id in (${sql.join(jobs)})`.execute(storage.db);
    logger.info({ released }, 'deliveries of an ended process go on');
    this.#onReleased();
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
