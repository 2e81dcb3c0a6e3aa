import type { Selectable } from 'kysely';
import { AppError, fitsPattern, type Clock, type IdGenerator } from '../../base/index.ts';
import { hasScope, permissionScopes, type PermissionScope, type Scope } from '../../protocol/index.ts';
import type { ApiKeysTable, Executor, Storage } from '../storage/index.ts';
import { digestOf, hintOf, mintApiKey, requireLookup } from './api-key.ts';
import { attributesOf, KeyRecords, type VerifiedKey } from './key-records.ts';
import type { ApiKeyStore, ApiKeyView, KeyAttributes } from './principals.ts';

const dayMs = 86_400_000;
/** `created_by` of keys that come from the configuration. */
const fromConfiguration = 'configuration';

interface NewKey {
  readonly name: string;
  readonly scopes: readonly PermissionScope[];
  readonly createdBy: string;
  readonly expiresAt: Date | null;
  readonly key: string;
  readonly attributes?: Partial<Omit<KeyAttributes, 'name'>> | undefined;
}

function isoTime(time: Date | null): string | null {
  return time?.toISOString() ?? null;
}

function toView(row: Selectable<ApiKeysTable>): ApiKeyView {
  return {
    id: row.id,
    ...attributesOf(row),
    hint: hintOf(row.lookup),
    scopes: permissionScopes.filter((scope) => row.scopes.includes(scope)),
    createdAt: row.created_at.toISOString(),
    expiresAt: isoTime(row.expires_at),
    revokedAt: isoTime(row.revoked_at),
    lastUsedAt: isoTime(row.last_used_at),
  };
}

/** API keys in the database: made, listed, revoked and checked. */
export class SqlApiKeyStore implements ApiKeyStore {
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #ids: IdGenerator;
  readonly #records: KeyRecords;

  constructor(deps: { storage: Storage; clock: Clock; ids: IdGenerator }) {
    this.#storage = deps.storage;
    this.#clock = deps.clock;
    this.#ids = deps.ids;
    this.#records = new KeyRecords(deps);
  }

  async create(
    scope: Scope,
    request: Parameters<ApiKeyStore['create']>[1],
  ): Promise<ApiKeyView & { readonly key: string }> {
    const beyond = request.scopes.filter((wanted) => !hasScope(scope, wanted));
    if (beyond.length > 0) {
      throw new AppError(
        'forbidden',
        `a key cannot be given what its creator does not have: ${beyond.join(', ')}`,
      );
    }
    const models = await this.#modelsFor(scope, request.attributes?.models ?? null);
    const { expiresInDays } = request;
    const key = mintApiKey();
    const row = await this.#insert(this.#storage.db, scope.tenant, {
      name: request.name,
      scopes: request.scopes,
      createdBy: scope.principal,
      expiresAt: expiresInDays === undefined ? null : new Date(this.#clock.now() + expiresInDays * dayMs),
      key,
      attributes: { ...request.attributes, models },
    });
    if (row === undefined) throw new AppError('conflict', 'the new key met an existing one; try again');
    return { ...toView(row), key };
  }

  async list(scope: Scope): Promise<readonly ApiKeyView[]> {
    const rows = await this.#storage.db
      .selectFrom('api_keys')
      .selectAll()
      .where('tenant', '=', scope.tenant)
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .execute();
    return rows.map(toView);
  }

  async revoke(scope: Scope, keyId: string): Promise<void> {
    const row = await this.#storage.db
      .selectFrom('api_keys')
      .select('lookup')
      .where('id', '=', keyId)
      .where('tenant', '=', scope.tenant)
      .executeTakeFirst();
    if (row === undefined) throw new AppError('not_found', `there is no API key "${keyId}"`);
    await this.#storage.db
      .updateTable('api_keys')
      .set({ revoked_at: new Date(this.#clock.now()) })
      .where('id', '=', keyId)
      .where('revoked_at', 'is', null)
      .execute();
    this.#records.forget(row.lookup);
  }

  /**
   * Makes an admin key that is known outside be one of the installation's. A `configured` key takes the place of earlier
   * configured ones; one that was revoked stays revoked.
   */
  async ensureAdminKey(scope: Scope, request: { key: string; configured: boolean }): Promise<void> {
    const lookup = requireLookup(request.key);
    await this.#storage.transaction(async (trx) => {
      if (request.configured) {
        await trx
          .updateTable('api_keys')
          .set({ revoked_at: new Date(this.#clock.now()) })
          .where('tenant', '=', scope.tenant)
          .where('created_by', '=', fromConfiguration)
          .where('lookup', '!=', lookup)
          .where('revoked_at', 'is', null)
          .execute();
      }
      await this.#insert(trx, scope.tenant, {
        name: 'admin',
        scopes: ['admin'],
        createdBy: request.configured ? fromConfiguration : scope.principal,
        expiresAt: null,
        key: request.key,
      });
    });
    this.#records.forget(lookup);
  }

  attributes(scope: Pick<Scope, 'tenant' | 'principal'>): Promise<KeyAttributes | undefined> {
    return this.#records.attributes(scope);
  }

  /** The key behind a credential when it may be used now. */
  verify(key: string): Promise<VerifiedKey | undefined> {
    return this.#records.verify(key);
  }

  /** May the key with this public part still be used? Tokens made with it end with it. */
  isUsable(lookup: string): Promise<boolean> {
    return this.#records.isUsable(lookup);
  }

  /** The models of a new key: no others than its creator's. */
  async #modelsFor(scope: Scope, wanted: readonly string[] | null): Promise<readonly string[] | null> {
    const own = (await this.attributes(scope))?.models ?? null;
    if (own === null || wanted === null) return wanted ?? own;
    const beyond = wanted.filter((name) => !own.some((pattern) => fitsPattern(pattern, name)));
    if (beyond.length === 0) return wanted;
    throw new AppError(
      'forbidden',
      `a key cannot be given models that its creator may not use: ${beyond.join(', ')}`,
    );
  }

  /** Stores a key unless one with its public part is there. */
  #insert(
    executor: Executor,
    tenant: string,
    request: NewKey,
  ): Promise<Selectable<ApiKeysTable> | undefined> {
    const { team = null, user = null, tags = [], models = null } = request.attributes ?? {};
    return executor
      .insertInto('api_keys')
      .values({
        id: this.#ids('key'),
        tenant,
        name: request.name,
        lookup: requireLookup(request.key),
        hash: digestOf(request.key).toString('hex'),
        scopes: JSON.stringify(request.scopes),
        created_by: request.createdBy,
        created_at: new Date(this.#clock.now()),
        expires_at: request.expiresAt,
        revoked_at: null,
        last_used_at: null,
        team,
        user_name: user,
        tags: JSON.stringify(tags),
        models: models === null ? null : JSON.stringify(models),
      })
      .onConflict((conflict) => conflict.column('lookup').doNothing())
      .returningAll()
      .executeTakeFirst();
  }
}

/** API keys over the given storage. */
export function createApiKeyStore(deps: {
  storage: Storage;
  clock: Clock;
  ids: IdGenerator;
}): SqlApiKeyStore {
  return new SqlApiKeyStore(deps);
}
