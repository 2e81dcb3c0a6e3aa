import { SignJWT, UnsecuredJWT } from 'jose';
import { beforeEach, describe, expect, it } from 'vitest';
import type { AppError } from '../../base/index.ts';
import type { Scope } from '../../protocol/index.ts';
import { FakeClock } from '../../testing/fake-clock.ts';
import { lookupOf, mintApiKey } from './api-key.ts';
import { createAuthenticator, type Authenticator, type KeyVerifier } from './index.ts';

const jwtSecret = 's'.repeat(48);
const key = mintApiKey();
const lookup = lookupOf(key) ?? '';
const scope: Scope = { tenant: 'default', principal: 'key:1', scopes: ['agents:read', 'agents:invoke'] };

class OneKey implements KeyVerifier {
  usable = true;
  checks = 0;

  verify(given: string) {
    return Promise.resolve(this.usable && given === key ? { lookup, scope } : undefined);
  }

  isUsable(given: string) {
    this.checks += 1;
    return Promise.resolve(this.usable && given === lookup);
  }
}

let clock: FakeClock;
let keys: OneKey;
let authenticator: Authenticator;
beforeEach(() => {
  clock = new FakeClock();
  keys = new OneKey();
  authenticator = createAuthenticator({ keys, jwtSecret, algorithm: 'HS256', expireMinutes: 60, clock });
});

interface Forgery {
  readonly alg?: string;
  readonly typ?: string;
  readonly secret?: string;
  readonly header?: Record<string, string>;
  readonly claims?: Record<string, unknown>;
}

/** A token like ours except for what is given; a claim of `undefined` is left out. */
function forge(forgery: Forgery = {}): Promise<string> {
  const seconds = Math.floor(clock.now() / 1000);
  const claims = {
    iss: 'agent33',
    aud: 'agent33-api',
    sub: 'key:1',
    jti: 'one',
    exp: seconds + 60,
    tenant: 'default',
    scope: 'agents:read',
    key: lookup,
    ...forgery.claims,
  };
  return new SignJWT(claims)
    .setProtectedHeader({
      alg: forgery.alg ?? 'HS256',
      typ: forgery.typ ?? 'a33+jwt',
      ...forgery.header,
    })
    .sign(new TextEncoder().encode(forgery.secret ?? jwtSecret));
}

async function failure(credential: string): Promise<AppError> {
  return authenticator.authenticate(credential).then(
    () => {
      throw new Error('was let in');
    },
    (error: unknown) => error as AppError,
  );
}

describe('createAuthenticator', () => {
  it('knows a key and a token made with it', async () => {
    expect(await authenticator.authenticate(key)).toEqual(scope);
    const { token, expiresAt, scopes } = await authenticator.issueToken(key, { scopes: ['agents:read'] });
    expect(scopes).toEqual(['agents:read']);
    expect(new Date(expiresAt).getTime()).toBe(clock.now() + 3_600_000);
    expect(await authenticator.authenticate(token)).toEqual({ ...scope, scopes: ['agents:read'] });
  });

  it('lets the reference token of this table in, so that the table proves something', async () => {
    await expect(authenticator.authenticate(await forge())).resolves.toMatchObject({ principal: 'key:1' });
  });

  it.each<[string, Forgery]>([
    ['another secret', { secret: 'x'.repeat(48) }],
    ['another algorithm of the family', { alg: 'HS512' }],
    ['another type', { typ: 'JWT' }],
    ['another issuer', { claims: { iss: 'someone' } }],
    ['no issuer', { claims: { iss: undefined } }],
    ['another audience', { claims: { aud: 'else' } }],
    ['no audience', { claims: { aud: undefined } }],
    ['no end', { claims: { exp: undefined } }],
    ['an end that has passed', { claims: { exp: 1_600_000_000 } }],
    ['a beginning to come', { claims: { nbf: 4_000_000_000 } }],
    ['no subject', { claims: { sub: undefined } }],
    ['no tenant', { claims: { tenant: undefined } }],
    ['no id', { claims: { jti: undefined } }],
    ['scopes as a list', { claims: { scope: ['admin'] } }],
    ['no key', { claims: { key: undefined } }],
    ['an unknown key', { claims: { key: 'other' } }],
    ['100 KB', { claims: { padding: 'x'.repeat(100_000) } }],
  ])('refuses a token with %s', async (_what, forgery) => {
    expect((await failure(await forge(forgery))).code).toBe('unauthenticated');
  });

  it('takes no key from a token: kid, jku and jwk have no effect', async () => {
    const wrong = { secret: 'x'.repeat(48) };
    for (const header of [{ kid: '../../dev/null' }, { jku: 'http://127.0.0.1/keys' }]) {
      expect((await failure(await forge({ ...wrong, header }))).code).toBe('unauthenticated');
    }
  });

  it.each([
    ['nothing', ''],
    ['a word', 'password'],
    ['three words', 'a.b.c'],
    ['a wrong key', mintApiKey()],
    ['a key with a typing error', `${key.slice(0, -1)}-`],
    ['SQL', `a33_' or 1=1 --`],
    [
      'a token without signature',
      new UnsecuredJWT({ tenant: 'default', scope: 'admin', key: lookup, jti: 'x' })
        .setIssuer('agent33')
        .setAudience('agent33-api')
        .setSubject('key:1')
        .setExpirationTime('1h')
        .encode(),
    ],
  ])('answers %s with the same words', async (_what, credential) => {
    const { code, message, details } = await failure(credential);
    expect({ code, message, details }).toEqual({
      code: 'unauthenticated',
      message: (await failure('nobody')).message,
      details: undefined,
    });
  });

  it('refuses a token when its time is over, also one it has just seen', async () => {
    const { token } = await authenticator.issueToken(key, { expiresInMinutes: 1 });
    await authenticator.authenticate(token);
    await clock.advance(60_000);
    expect((await failure(token)).code).toBe('unauthenticated');
  });

  it('refuses the tokens of a key that is no longer usable', async () => {
    const { token } = await authenticator.issueToken(key, {});
    await authenticator.authenticate(token);
    keys.usable = false;
    expect((await failure(token)).code).toBe('unauthenticated');
    expect(keys.checks).toBe(2);
  });

  it('makes no token that can do more or lasts longer than allowed, and none from a token', async () => {
    await expect(authenticator.issueToken(key, { scopes: ['admin'] })).rejects.toMatchObject({
      code: 'forbidden',
    });
    await expect(authenticator.issueToken(key, { expiresInMinutes: 61 })).rejects.toMatchObject({
      code: 'invalid_request',
    });
    const { token } = await authenticator.issueToken(key, {});
    await expect(authenticator.issueToken(token, {})).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  it('never gives a permission that is not known', async () => {
    const token = await forge({ claims: { scope: 'agents:read root constructor' } });
    expect((await authenticator.authenticate(token)).scopes).toEqual(['agents:read']);
  });
});
