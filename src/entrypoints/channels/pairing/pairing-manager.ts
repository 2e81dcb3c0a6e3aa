import { AppError, type Clock, type IdGenerator, type Logger, type Service } from '../../../base/index.ts';
import type { Storage } from '../../../platform/storage/index.ts';
import { hashPairingCode, newPairingCode, readPairingCode, sameHash } from './pairing-code.ts';
import { PairingStore, type Pairing, type PairingCode, type PlatformUser } from './pairing-store.ts';

const minuteMs = 60_000;
const codeLifeMs = 15 * minuteMs;
const tryWindowMs = 15 * minuteMs;
const promptEveryMs = 60 * minuteMs;
const cleanUpEveryMs = minuteMs;
const mostTriesOfUser = 5;
const mostTriesOfAccount = 50;
const mostPending = 3;

/** A user who asks to be paired. */
export interface PendingPairing {
  readonly id: string;
  readonly platform: string;
  readonly accountId: string;
  readonly userId: string;
  readonly userName: string | null;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly expiresAt: string;
}

/** What pairing stands on. */
export interface PairingManagerDeps {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly ids: IdGenerator;
  readonly logger: Logger;
  /** Key of the HMACs; the same in every process. */
  readonly secret: string;
}

interface NamedUser extends PlatformUser {
  readonly channel: string;
  readonly userName?: string | undefined;
}

/**
 * Links users of chat platforms to accounts by six-digit codes that live for 15 minutes, work once and only for the user
 * they are for. Either the person asks and an operator approves (`request`), or an operator makes a code and the person
 * sends it (`generateCode`, `verifyCode`).
 */
export class PairingManager implements Service {
  readonly name = 'pairing';
  readonly #deps: PairingManagerDeps;
  readonly #store: PairingStore;
  #stopCleanUp: (() => void) | undefined;

  constructor(deps: PairingManagerDeps) {
    this.#deps = deps;
    this.#store = new PairingStore(deps.storage);
  }

  /** Begins the periodic clean-up of codes and tries that have expired. */
  start(): Promise<void> {
    this.#stopCleanUp ??= this.#deps.clock.every(cleanUpEveryMs, () => {
      this.cleanUp().catch((error: unknown) =>
        this.#deps.logger.warn({ error }, 'expired pairing codes could not be deleted yet'),
      );
    });
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#stopCleanUp?.();
    this.#stopCleanUp = undefined;
    return Promise.resolve();
  }

  /** Deletes what no longer matters. A request is remembered for an hour, for the sake of its prompt. */
  async cleanUp(): Promise<void> {
    const now = this.#deps.clock.now();
    await this.#store.deleteOlder(new Date(now - promptEveryMs), new Date(now - tryWindowMs));
  }

  pairing(user: PlatformUser): Promise<Pairing | undefined> {
    return this.#store.pairing(user);
  }

  list(tenant: string, account: { platform: string; accountId: string }): Promise<readonly Pairing[]> {
    return this.#store.pairings(tenant, account);
  }

  /** Ends a pairing. Error: `not_found`. */
  async unpair(user: PlatformUser): Promise<void> {
    if (!(await this.#store.unpair(user))) throw new AppError('not_found', 'this user is not paired');
  }

  /**
   * A code for a stranger who wrote, to be shown to them; `undefined` when they have been told within the last hour, or
   * too many others are waiting: they get no answer then.
   */
  async request(user: NamedUser): Promise<string | undefined> {
    const promptedAfter = new Date(this.#deps.clock.now() - promptEveryMs);
    return this.#write(user, 'request', null, { mostPending, promptedAfter });
  }

  /** A code for a user to send by `/pair`; `subject` is whom it links them to, such as `user:ada`. */
  async generateCode(user: NamedUser, subject: string | null = null): Promise<string> {
    const code = await this.#write(user, 'invitation', subject, undefined);
    if (code === undefined) throw new AppError('internal', 'a pairing code was not written');
    return code;
  }

  /** True once, for the user the code is for. Error: `rate_limited` after too many tries, whether right or wrong. */
  async verifyCode(text: string, user: PlatformUser): Promise<boolean> {
    const { clock } = this.#deps;
    const now = new Date(clock.now());
    const after = new Date(clock.now() - tryWindowMs);
    // Looked at first, so that whoever goes on guessing fills no table.
    const before = await this.#store.countTries(user, after);
    if (before.ofUser >= mostTriesOfUser || before.ofAccount >= mostTriesOfAccount) throw tooManyTries();
    const tries = await this.#store.addTry(user, now, after);
    if (tries.ofUser > mostTriesOfUser || tries.ofAccount > mostTriesOfAccount) throw tooManyTries();
    const code = readPairingCode(text);
    if (code === undefined) return false;
    const open = await this.#store.openCodes({ tenant: user.tenant, purpose: 'invitation', user }, now);
    const found = this.#find(open, code);
    if (found === undefined || !(await this.#store.redeem(found, principalOf(user), now))) return false;
    await this.#store.forgetTries(user);
    return true;
  }

  /** Who waits for approval in a channel, oldest first. */
  async pending(tenant: string, channel: string): Promise<readonly PendingPairing[]> {
    const now = new Date(this.#deps.clock.now());
    const open = await this.#store.openCodes({ tenant, purpose: 'request', channel }, now);
    return open.map((row) => ({
      id: row.id,
      platform: row.platform,
      accountId: row.account_id,
      userId: row.user_id,
      userName: row.user_name,
      createdAt: new Date(row.created_at).toISOString(),
      expiresAt: new Date(row.expires_at).toISOString(),
    }));
  }

  /** Pairs whoever was shown this code. Errors: `not_found`; `conflict` when another was faster. */
  async approve(tenant: string, channel: string, text: string, by: string): Promise<Pairing> {
    const now = new Date(this.#deps.clock.now());
    const code = readPairingCode(text);
    const open = await this.#store.openCodes({ tenant, purpose: 'request', channel }, now);
    const found = code === undefined ? undefined : this.#find(open, code);
    if (found === undefined)
      throw new AppError('not_found', `nobody waits with this code in channel "${channel}"`);
    if (!(await this.#store.redeem(found, by, now)))
      throw new AppError('conflict', 'this code has just been used or has expired');
    const { platform, account_id: accountId, user_id: userId } = found;
    const paired = await this.#store.pairing({ tenant, platform, accountId, userId });
    if (paired === undefined) throw new AppError('conflict', 'this pairing has just been ended');
    return paired;
  }

  /** Every row is compared, so that the time says nothing about which one it was. */
  #find(rows: readonly PairingCode[], code: string): PairingCode | undefined {
    let found: PairingCode | undefined;
    for (const row of rows) {
      const binding = {
        platform: row.platform,
        accountId: row.account_id,
        userId: row.user_id,
        purpose: row.purpose,
      };
      if (sameHash(row.code_hmac, hashPairingCode(this.#deps.secret, code, binding))) found ??= row;
    }
    return found;
  }

  async #write(
    user: NamedUser,
    purpose: PairingCode['purpose'],
    subject: string | null,
    limits: { mostPending: number; promptedAfter: Date } | undefined,
  ): Promise<string | undefined> {
    const { clock, ids, secret } = this.#deps;
    const code = newPairingCode();
    const { tenant, channel, platform, accountId, userId, userName } = user;
    const written = await this.#store.addCode(
      {
        id: ids('pair'),
        tenant,
        channel,
        platform,
        account_id: accountId,
        user_id: userId,
        user_name: userName?.slice(0, 200) ?? null,
        purpose,
        subject,
        code_hmac: hashPairingCode(secret, code, { platform, accountId, userId, purpose }),
        created_at: new Date(clock.now()),
        expires_at: new Date(clock.now() + codeLifeMs),
      },
      limits,
    );
    return written ? code : undefined;
  }
}

const principalOf = (user: PlatformUser): string => `${user.platform}:${user.accountId}:${user.userId}`;

function tooManyTries(): AppError {
  return new AppError('rate_limited', 'too many tries; wait a quarter of an hour');
}
