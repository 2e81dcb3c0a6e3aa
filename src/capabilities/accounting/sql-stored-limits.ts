import { sql } from 'kysely';
import type { Clock, Logger, Service } from '../../base/index.ts';
import type { Storage } from '../../platform/storage/index.ts';
import { limitValues, type LimitValues, type Scope } from '../../protocol/index.ts';
import type { StoredLimit, StoredLimits } from './stored-limits.ts';

/** Database channel on which a process tells the others that limits have changed. */
const limitsChannel = 'agent33_limits';
/** A notification may get lost. */
const lookMs = 10_000;
const none: ReadonlyMap<string, StoredLimit> = new Map();

/**
 * Limits in the table `model_limits`. Every change gets the next revision under a lock that is held until its commit, so
 * whoever has seen a revision has seen all before it, and a look for newer ones misses nothing.
 */
export class SqlStoredLimits implements StoredLimits, Service {
  readonly name = 'limits';
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #tenants = new Map<string, Map<string, StoredLimit>>();
  #seen = 0;
  #looking: Promise<void> | undefined;
  #stopFollowing: (() => Promise<void>) | undefined;
  #isBehind = false;

  constructor(deps: { readonly storage: Storage; readonly clock: Clock; readonly logger: Logger }) {
    this.#storage = deps.storage;
    this.#clock = deps.clock;
    this.#logger = deps.logger;
  }

  get version(): number {
    return this.#seen;
  }

  async start(): Promise<void> {
    // Nobody else can write to the embedded database.
    if (this.#stopFollowing === undefined && this.#storage.kind === 'postgres') await this.#follow();
    await this.#look();
  }

  async stop(): Promise<void> {
    await this.#stopFollowing?.();
    this.#stopFollowing = undefined;
    await this.#looking?.catch(() => {});
  }

  /** Hears of the changes of other processes. */
  async #follow(): Promise<void> {
    const look = (): void => void this.#lookQuietly();
    const subscription = await this.#storage.listen(limitsChannel, look, look);
    const cancelLooks = this.#clock.every(lookMs, look);
    this.#stopFollowing = async () => {
      cancelLooks();
      await subscription.close();
    };
  }

  of(tenant: string): ReadonlyMap<string, StoredLimit> {
    return this.#tenants.get(tenant) ?? none;
  }

  async set(scope: Scope, subject: string, values: LimitValues): Promise<void> {
    await this.#write(scope, subject, JSON.stringify(values));
  }

  async remove(scope: Scope, subject: string): Promise<boolean> {
    const existed = this.of(scope.tenant).has(subject);
    if (existed) await this.#write(scope, subject, null);
    return existed;
  }

  async #write(scope: Scope, subject: string, limits: string | null): Promise<void> {
    const change = { limits, updated_by: scope.principal, updated_at: new Date(this.#clock.now()) };
    await this.#storage.transaction(async (trx) => {
      const { revision } = await trx
        .updateTable('model_limits_revision')
        .set({ revision: sql`revision + 1` })
        .where('id', '=', 1)
        .returning('revision')
        .executeTakeFirstOrThrow();
      await trx
        .insertInto('model_limits')
        .values({ tenant: scope.tenant, subject, revision, ...change })
        .onConflict((conflict) =>
          conflict.columns(['tenant', 'subject']).doUpdateSet({ revision, ...change }),
        )
        .execute();
      if (this.#storage.kind === 'postgres') await this.#storage.notify(trx, limitsChannel, '');
    });
    // A look that began before the commit may not have seen it.
    await this.#looking?.catch(() => {});
    await this.#look();
  }

  #look(): Promise<void> {
    this.#looking ??= this.#readNewer().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #lookQuietly(): Promise<void> {
    try {
      // One under way may have begun before the change.
      await this.#looking?.catch(() => {});
      await this.#look();
      this.#isBehind = false;
    } catch (error) {
      if (!this.#isBehind) this.#logger.warn({ error }, 'changed limits cannot be read; the known ones hold');
      this.#isBehind = true;
    }
  }

  async #readNewer(): Promise<void> {
    const rows = await this.#storage.db
      .selectFrom('model_limits')
      .selectAll()
      .where('revision', '>', this.#seen)
      .orderBy('revision')
      .execute();
    for (const row of rows) {
      const parsed = limitValues.safeParse(row.limits ?? {});
      if (!parsed.success) this.#logger.error({ subject: row.subject }, 'stored limits cannot be read');
      const subjects = this.#tenants.get(row.tenant) ?? new Map<string, StoredLimit>();
      this.#tenants.set(row.tenant, subjects);
      if (row.limits === null || !parsed.success) subjects.delete(row.subject);
      else
        subjects.set(row.subject, {
          values: parsed.data,
          updatedBy: row.updated_by,
          updatedAt: row.updated_at.toISOString(),
        });
      this.#seen = row.revision;
    }
  }
}
