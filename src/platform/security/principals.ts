import type { PermissionScope, Scope } from '../../protocol/index.ts';

/** What a key says of those who hold it; it never changes. */
export interface KeyAttributes {
  readonly name: string;
  readonly team: string | null;
  readonly user: string | null;
  /** Tags of every call of a model with it. */
  readonly tags: readonly string[];
  /** Names and patterns (`gpt-*`) of the models it may call; `null`: all. */
  readonly models: readonly string[] | null;
}

/** An API key as it is shown: never the key itself. */
export interface ApiKeyView extends KeyAttributes {
  readonly id: string;
  /** The first characters, to recognise it by. */
  readonly hint: string;
  readonly scopes: readonly PermissionScope[];
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly revokedAt: string | null;
  readonly lastUsedAt: string | null;
}

/** API keys `a33_<8 characters>_<43 characters><6 of checksum>`; only their SHA-256 is stored. */
export interface ApiKeyStore {
  /** The key is returned here and never again. Scopes beyond the creator's own are `forbidden`. */
  create(
    scope: Scope,
    request: {
      name: string;
      scopes: readonly PermissionScope[];
      expiresInDays?: number;
      attributes?: Partial<Omit<KeyAttributes, 'name'>>;
    },
  ): Promise<ApiKeyView & { readonly key: string }>;
  list(scope: Scope): Promise<readonly ApiKeyView[]>;
  /** Refused at once in this process and within a second in others. Error: `not_found`. */
  revoke(scope: Scope, keyId: string): Promise<void>;
  /** What the key says that the principal `key:<id>` holds; `undefined` for other principals and for keys of other tenants. */
  attributes(scope: Pick<Scope, 'tenant' | 'principal'>): Promise<KeyAttributes | undefined>;
}

/** A token with what it carries. */
export interface IssuedToken {
  readonly token: string;
  readonly expiresAt: string;
  readonly scopes: readonly PermissionScope[];
}

/** Turns credentials into a scope. Error: `unauthenticated`, with the same words for every cause. */
export interface Authenticator {
  /** An API key, or a JWT that `issueToken` made. */
  authenticate(credential: string): Promise<Scope>;
  /** A token with the key's scopes or fewer. Tokens make no tokens. Errors also: `forbidden`, `invalid_request`. */
  issueToken(
    apiKey: string,
    options: { scopes?: readonly PermissionScope[]; expiresInMinutes?: number },
  ): Promise<IssuedToken>;
}
