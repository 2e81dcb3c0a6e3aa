import { createHash, createSecretKey } from 'node:crypto';
import { errors, jwtVerify, SignJWT } from 'jose';
import { AppError, type Clock } from '../../base/index.ts';
import { hasScope, permissionScopes, type Scope } from '../../protocol/index.ts';
import { apiKeyPrefix } from './api-key.ts';
import type { VerifiedKey } from './key-records.ts';
import type { Authenticator } from './principals.ts';

const issuer = 'agent33';
const audience = 'agent33-api';
const tokenType = 'a33+jwt';
const longestToken = 4096;
const mostCachedTokens = 1000;
const minuteMs = 60_000;

/** Checks keys; `SqlApiKeyStore` is one. */
export interface KeyVerifier {
  verify(key: string): Promise<VerifiedKey | undefined>;
  isUsable(lookup: string): Promise<boolean>;
}

export interface AuthenticatorOptions {
  readonly keys: KeyVerifier;
  readonly jwtSecret: string;
  readonly algorithm: 'HS256' | 'HS384' | 'HS512';
  /** Lifetime of tokens, and the longest that may be asked for. */
  readonly expireMinutes: number;
  readonly clock: Clock;
}

interface VerifiedToken {
  readonly scope: Scope;
  readonly expiresAtMs: number;
  /** The key it was made with. */
  readonly lookup: string;
}

/** The one answer to everything that is not right with a credential. */
function unauthenticated(): AppError {
  return new AppError(
    'unauthenticated',
    'valid credentials are needed: an API key as "X-API-Key: a33_…", or a key or token as "Authorization: Bearer …"',
  );
}

/** Checks API keys and JWTs. A token carries at most what its key had, and ends with it. */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { keys, clock } = options;
  const secret = createSecretKey(options.jwtSecret, 'utf8');
  /** Tokens whose signature has been checked; the oldest goes first. */
  const tokens = new Map<string, VerifiedToken>();

  const verifyToken = async (token: string): Promise<VerifiedToken> => {
    const { payload } = await jwtVerify(token, secret, {
      algorithms: [options.algorithm],
      issuer,
      audience,
      typ: tokenType,
      requiredClaims: ['exp', 'sub', 'jti'],
      currentDate: new Date(clock.now()),
    });
    const { sub, exp, tenant, scope, key } = payload;
    if (typeof tenant !== 'string' || typeof scope !== 'string' || typeof key !== 'string') {
      throw unauthenticated();
    }
    const named = scope.split(' ');
    return {
      scope: {
        tenant,
        principal: sub ?? '',
        scopes: permissionScopes.filter((permission) => named.includes(permission)),
      },
      expiresAtMs: (exp ?? 0) * 1000,
      lookup: key,
    };
  };

  const scopeOfToken = async (token: string): Promise<Scope> => {
    if (token.length > longestToken) throw unauthenticated();
    const digest = createHash('sha256').update(token).digest('base64');
    let verified = tokens.get(digest);
    if (verified === undefined) {
      try {
        verified = await verifyToken(token);
      } catch (error) {
        if (error instanceof errors.JOSEError) throw unauthenticated();
        throw error;
      }
      const oldest = tokens.keys().next().value;
      if (tokens.size >= mostCachedTokens && oldest !== undefined) tokens.delete(oldest);
      tokens.set(digest, verified);
    }
    if (verified.expiresAtMs <= clock.now() || !(await keys.isUsable(verified.lookup))) {
      tokens.delete(digest);
      throw unauthenticated();
    }
    return verified.scope;
  };

  const scopeOfKey = async (key: string): Promise<VerifiedKey> => {
    const verified = await keys.verify(key);
    if (verified === undefined) throw unauthenticated();
    return verified;
  };

  return {
    async authenticate(credential) {
      if (!credential.startsWith(apiKeyPrefix)) return scopeOfToken(credential);
      return (await scopeOfKey(credential)).scope;
    },

    async issueToken(credential, wanted) {
      // Only keys make tokens: else a stolen token could be renewed for ever.
      if (!credential.startsWith(apiKeyPrefix)) throw unauthenticated();
      const { scope, lookup } = await scopeOfKey(credential);
      const scopes = wanted.scopes ?? scope.scopes;
      const beyond = scopes.filter((permission) => !hasScope(scope, permission));
      if (beyond.length > 0) {
        throw new AppError('forbidden', `the API key does not have ${beyond.join(', ')}`);
      }
      const minutes = wanted.expiresInMinutes ?? options.expireMinutes;
      if (minutes > options.expireMinutes) {
        throw new AppError(
          'invalid_request',
          `expires_in_minutes: found ${minutes}, expected at most ${options.expireMinutes} (JWT_EXPIRE_MINUTES)`,
        );
      }
      const now = clock.now();
      const expiresAt = new Date(now + minutes * minuteMs);
      const token = await new SignJWT({ tenant: scope.tenant, scope: scopes.join(' '), key: lookup })
        .setProtectedHeader({ alg: options.algorithm, typ: tokenType })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject(scope.principal)
        .setJti(crypto.randomUUID())
        .setIssuedAt(new Date(now))
        .setExpirationTime(expiresAt)
        .sign(secret);
      return { token, expiresAt: expiresAt.toISOString(), scopes };
    },
  };
}
