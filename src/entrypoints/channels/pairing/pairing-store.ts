import { sql, type Selectable } from 'kysely';
import type { PairingCodesTable, Storage } from '../../../platform/storage/index.ts';

/** A user of a platform, as an account of ours sees them. */
export interface PlatformUser {
  readonly tenant: string;
  readonly platform: string;
  readonly accountId: string;
  readonly userId: string;
  /** Other ids of the same person. */
  readonly aliases?: readonly string[];
}

export type PairingCode = Selectable<PairingCodesTable>;

/** Who is paired. */
export interface Pairing {
  readonly platform: string;
  readonly accountId: string;
  readonly userId: string;
  readonly userName: string | null;
  /** Whom the user is linked to, such as `user:ada`. */
  readonly subject: string | null;
  readonly pairedBy: string;
  /** ISO 8601. */
  readonly pairedAt: string;
}

/** Codes, pairings and tries in the database. All times are given by the caller. */
export class PairingStore {
  readonly #storage: Storage;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  async pairing(user: PlatformUser): Promise<Pairing | undefined> {
    const row = await this.#storage.db
      .selectFrom('pairings')
      .selectAll()
      .where('tenant', '=', user.tenant)
      .where('platform', '=', user.platform)
      .where('account_id', '=', user.accountId)
      .where('user_id', 'in', idsOf(user))
      .executeTakeFirst();
    return row === undefined ? undefined : toPairing(row);
  }

  async pairings(tenant: string, account: { platform: string; accountId: string }) {
    const rows = await this.#storage.db
      .selectFrom('pairings')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('platform', '=', account.platform)
      .where('account_id', '=', account.accountId)
      .orderBy('paired_at', 'desc')
      .limit(1000)
      .execute();
    return rows.map(toPairing);
  }

  /** True when there was one. */
  async unpair(user: PlatformUser): Promise<boolean> {
    const result = await this.#storage.db
      .deleteFrom('pairings')
      .where('tenant', '=', user.tenant)
      .where('platform', '=', user.platform)
      .where('account_id', '=', user.accountId)
      .where('user_id', '=', user.userId)
      .executeTakeFirst();
    return result.numDeletedRows > 0n;
  }

  /**
   * Writes a code, unless the limits forbid it: `mostPending` requests per account at a time, one prompt per sender since
   * `promptedAfter`. One account at a time, so that nobody slips past by asking at the same moment. False: not written.
   */
  addCode(
    code: Omit<PairingCode, 'used_at' | 'created_at' | 'expires_at'> & { created_at: Date; expires_at: Date },
    limits: { readonly mostPending: number; readonly promptedAfter: Date } | undefined,
  ): Promise<boolean> {
    return this.#storage.transaction(async (trx) => {
      const account = `pairing:${code.tenant}:${code.platform}:${code.account_id}`;
      await sql`select pg_advisory_xact_lock(hashtextextended(${account}, 0))`.execute(trx);
      if (limits !== undefined) {
        const { rows } = await sql<{ pending: number; prompted: boolean }>`
          select count(*) filter (where used_at is null and expires_at > ${code.created_at}::timestamptz)::int as pending,
            coalesce(bool_or(user_id = ${code.user_id} and created_at > ${limits.promptedAfter}::timestamptz), false) as prompted
          from pairing_codes where tenant = ${code.tenant} and platform = ${code.platform}
            and account_id = ${code.account_id} and purpose = 'request'`.execute(trx);
        if ((rows[0]?.pending ?? 0) >= limits.mostPending || rows[0]?.prompted === true) return false;
      }
      await trx.insertInto('pairing_codes').values(code).execute();
      return true;
    });
  }

  /** Codes that are neither used nor expired, oldest first. */
  openCodes(
    where: { tenant: string; purpose: PairingCode['purpose'] } & (
      | { readonly channel: string }
      | { readonly user: PlatformUser }
    ),
    now: Date,
  ): Promise<readonly PairingCode[]> {
    let query = this.#storage.db
      .selectFrom('pairing_codes')
      .selectAll()
      .where('tenant', '=', where.tenant)
      .where('purpose', '=', where.purpose)
      .where('used_at', 'is', null)
      .where('expires_at', '>', now)
      .orderBy('created_at')
      .limit(100);
    if ('channel' in where) query = query.where('channel', '=', where.channel);
    else {
      const { platform, accountId } = where.user;
      query = query
        .where('platform', '=', platform)
        .where('account_id', '=', accountId)
        .where('user_id', 'in', idsOf(where.user));
    }
    return query.execute();
  }

  /** Uses a code and pairs its user, in one transaction. False when another was faster, or it has expired. */
  redeem(code: PairingCode, by: string, now: Date): Promise<boolean> {
    return this.#storage.transaction(async (trx) => {
      const used = await trx
        .updateTable('pairing_codes')
        .set({ used_at: now })
        .where('id', '=', code.id)
        .where('used_at', 'is', null)
        .where('expires_at', '>', now)
        .executeTakeFirst();
      if (used.numUpdatedRows === 0n) return false;
      const values = { user_name: code.user_name, subject: code.subject, paired_by: by, paired_at: now };
      await trx
        .insertInto('pairings')
        .values({
          tenant: code.tenant,
          platform: code.platform,
          account_id: code.account_id,
          user_id: code.user_id,
          ...values,
        })
        .onConflict((conflict) =>
          conflict.columns(['tenant', 'platform', 'account_id', 'user_id']).doUpdateSet(values),
        )
        .execute();
      return true;
    });
  }

  /**
   * Notes a try and counts those since `after`, this one with them. Written before anything is compared: of many at the
   * same moment no more get through than one after the other would.
   */
  async addTry(
    user: PlatformUser,
    now: Date,
    after: Date,
  ): Promise<{ readonly ofUser: number; readonly ofAccount: number }> {
    await this.#storage.db
      .insertInto('pairing_tries')
      .values({
        tenant: user.tenant,
        platform: user.platform,
        account_id: user.accountId,
        user_id: user.userId,
        tried_at: now,
      })
      .execute();
    return this.countTries(user, after);
  }

  async countTries(
    user: PlatformUser,
    after: Date,
  ): Promise<{ readonly ofUser: number; readonly ofAccount: number }> {
    const { rows } = await sql<{ ofUser: number; ofAccount: number }>`
      select count(*) filter (where user_id = ${user.userId})::int as "ofUser", count(*)::int as "ofAccount"
      from pairing_tries where tenant = ${user.tenant} and platform = ${user.platform}
        and account_id = ${user.accountId} and tried_at > ${after}::timestamptz`.execute(this.#storage.db);
    return rows[0] ?? { ofUser: 0, ofAccount: 0 };
  }

  async forgetTries(user: PlatformUser): Promise<void> {
    await this.#storage.db
      .deleteFrom('pairing_tries')
      .where('tenant', '=', user.tenant)
      .where('platform', '=', user.platform)
      .where('account_id', '=', user.accountId)
      .where('user_id', '=', user.userId)
      .execute();
  }

  async deleteOlder(codesBefore: Date, triesBefore: Date): Promise<void> {
    await this.#storage.db.deleteFrom('pairing_codes').where('created_at', '<', codesBefore).execute();
    await this.#storage.db.deleteFrom('pairing_tries').where('tried_at', '<', triesBefore).execute();
  }
}

function idsOf({ userId, aliases = [] }: PlatformUser): readonly string[] {
  return [userId, ...aliases];
}

function toPairing(row: {
  platform: string;
  account_id: string;
  user_id: string;
  user_name: string | null;
  subject: string | null;
  paired_by: string;
  paired_at: Date;
}): Pairing {
  return {
    platform: row.platform,
    accountId: row.account_id,
    userId: row.user_id,
    userName: row.user_name,
    subject: row.subject,
    pairedBy: row.paired_by,
    pairedAt: new Date(row.paired_at).toISOString(),
  };
}
