import { sql } from 'kysely';
import type { Service } from '../../../base/index.ts';
import type { Queue, QueueName } from '../../../platform/queue/index.ts';
import { defaultTenant } from '../../../protocol/index.ts';
import type { AutomationDeps } from '../automation-deps.ts';
import { deadLetterKinds } from './dead-letter-desk.ts';

const everyMs = 30_000;
/** Failures in a row at which a job counts as stuck; about ten minutes of retries. */
const failures = 10;

/** Puts jobs that hold back their key on the desk, takes those back that went on, and counts what lies there. */
export class StuckJobs implements Service {
  readonly name = 'stuck-jobs';
  readonly #deps: Pick<AutomationDeps, 'storage' | 'clock' | 'ids' | 'logger' | 'metrics'> & {
    readonly queue: Queue;
  };
  #cancel: (() => void) | undefined;
  #underWay: Promise<void> | undefined;

  constructor(
    deps: Pick<AutomationDeps, 'storage' | 'clock' | 'ids' | 'logger' | 'metrics'> & {
      readonly queue: Queue;
    },
  ) {
    this.#deps = deps;
  }

  start(): Promise<void> {
    const { clock, logger } = this.#deps;
    this.#cancel ??= clock.every(everyMs, () => {
      this.#underWay ??= this.look()
        .catch((error: unknown) => logger.debug({ error: String(error) }, 'stuck jobs were not looked for'))
        .finally(() => {
          this.#underWay = undefined;
        });
    });
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    await this.#underWay;
  }

  /** One look. */
  async look(): Promise<void> {
    const { storage, queue, ids, clock, metrics, logger } = this.#deps;
    const now = new Date(clock.now());
    const stuck = await queue.stuck(failures);
    for (const job of stuck) {
      const result = await sql`
        insert into dead_letters (id, tenant, kind, ref_id, reason, payload, created_at)
        select ${ids('dlq')}, coalesce(
            (select tenant from runs where id = ${JSON.stringify(job.payload)}::jsonb ->> 'runId'),
            (select tenant from outbox where id = ${JSON.stringify(job.payload)}::jsonb ->> 'outboxId'), ${defaultTenant}),
          'job', ${`${job.queue}:${job.id}`}, ${`failed ${job.failures} times and holds back its key: ${job.error}`},
          ${JSON.stringify({ queue: job.queue, key: job.key, failures: job.failures, job: job.payload })}::jsonb,
          ${now}::timestamptz
        on conflict (ref_id) where kind = 'job' and resolved_at is null do nothing`.execute(storage.db);
      if (result.numAffectedRows === 1n)
        logger.warn({ queue: job.queue, job: job.id, failures: job.failures }, 'a job holds back its key');
    }
    const open = await storage.db
      .selectFrom('dead_letters')
      .select(['id', 'ref_id'])
      .where('kind', '=', 'job')
      .where('resolved_at', 'is', null)
      .limit(500)
      .execute();
    const still = new Set(stuck.map((job) => `${job.queue}:${job.id}`));
    for (const { id, ref_id: ref } of open) {
      if (still.has(ref)) continue;
      const [name = '', jobId = ''] = ref.split(':');
      if ((await queue.pending(name as QueueName, [jobId])).size > 0) continue;
      await storage.db
        .updateTable('dead_letters')
        .set({ resolved_at: now, resolution: 'settled', note: 'the job went on by itself' })
        .where('id', '=', id)
        .where('resolved_at', 'is', null)
        .execute();
    }
    const { rows } = await sql<{ kind: string; count: number }>`
      select kind, count(*)::int as count from dead_letters where resolved_at is null group by kind`.execute(
      storage.db,
    );
    for (const kind of deadLetterKinds)
      metrics.deadLetters.set({ kind }, rows.find((row) => row.kind === kind)?.count ?? 0);
  }
}
