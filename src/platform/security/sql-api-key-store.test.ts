import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createIdGenerator } from '../../base/index.ts';
import { systemScope, type Scope } from '../../protocol/index.ts';
import { FakeClock } from '../../testing/fake-clock.ts';
import { digestOf } from './api-key.ts';
import { createApiKeyStore, type SqlApiKeyStore } from './index.ts';
import { MemoryStorage } from '../../testing/memory-storage.ts';

const storage = new MemoryStorage();
const ids = createIdGenerator(() => Date.now());
const admin: Scope = { tenant: 'default', principal: 'key:admin', scopes: ['admin'] };
const foreign: Scope = { tenant: 'other', principal: 'key:other', scopes: ['admin'] };

let clock: FakeClock;
let store: SqlApiKeyStore;
/** The store of a second process on the same database. */
let elsewhere: SqlApiKeyStore;

beforeAll(() => storage.start());
afterAll(() => storage.stop());
beforeEach(async () => {
  await storage.db.deleteFrom('api_keys').execute();
  clock = new FakeClock();
  store = createApiKeyStore({ storage, clock, ids });
  elsewhere = createApiKeyStore({ storage, clock, ids });
});

describe('SqlApiKeyStore', () => {
  it('shows a key once and stores only its digest', async () => {
    const { key, ...view } = await store.create(admin, { name: 'bot', scopes: ['agents:invoke'] });
    expect(await store.verify(key)).toEqual({
      lookup: key.slice(4, 12),
      scope: { tenant: 'default', principal: `key:${view.id}`, scopes: ['agents:invoke'] },
    });
    expect(view).toMatchObject({ name: 'bot', hint: `${key.slice(0, 13)}…`, expiresAt: null });
    const dump = JSON.stringify(await storage.db.selectFrom('api_keys').selectAll().execute());
    expect(dump).not.toContain(key.slice(13));
    expect(dump).toContain(digestOf(key).toString('hex'));
    expect(JSON.stringify(await store.list(admin))).not.toContain(key.slice(13));
  });

  it('refuses a key with the public part of another', async () => {
    const { key } = await store.create(admin, { name: 'bot', scopes: ['agents:invoke'] });
    await storage.db
      .updateTable('api_keys')
      .set({ hash: digestOf(`${key}x`).toString('hex') })
      .execute();
    expect(await elsewhere.verify(key)).toBeUndefined();
  });

  it('gives no key more than its creator has', async () => {
    const creator: Scope = { ...admin, scopes: ['keys:admin', 'agents:read'] };
    await expect(
      store.create(creator, { name: 'bot', scopes: ['agents:read', 'runs:write'] }),
    ).rejects.toMatchObject({ code: 'forbidden', message: expect.stringContaining('runs:write') as string });
    await expect(store.create(creator, { name: 'bot', scopes: ['agents:read'] })).resolves.toMatchObject({
      scopes: ['agents:read'],
    });
  });

  it('refuses a revoked key at once here and within a second elsewhere', async () => {
    const { key, id } = await store.create(admin, { name: 'bot', scopes: ['agents:read'] });
    expect(await elsewhere.verify(key)).toBeDefined();
    expect(await store.verify(key)).toBeDefined();
    await store.revoke(admin, id);
    expect(await store.verify(key)).toBeUndefined();
    expect(await elsewhere.verify(key)).toBeDefined();
    await clock.advance(1000);
    expect(await elsewhere.verify(key)).toBeUndefined();
    expect(await elsewhere.isUsable(key.slice(4, 12))).toBe(false);
    await expect(store.revoke(admin, id)).resolves.toBeUndefined();
  });

  it('refuses a key from the moment it expires', async () => {
    const { key } = await store.create(admin, { name: 'bot', scopes: ['agents:read'], expiresInDays: 1 });
    await clock.advance(86_399_999);
    expect(await store.verify(key)).toBeDefined();
    await clock.advance(1);
    expect(await store.verify(key)).toBeUndefined();
  });

  it('looks into the database once a second, also for many calls at a time', async () => {
    const { key } = await store.create(admin, { name: 'bot', scopes: ['agents:read'] });
    await store.verify(key);
    await storage.db.deleteFrom('api_keys').execute();
    const all = await Promise.all(Array.from({ length: 50 }, () => store.verify(key)));
    expect(all.every((verified) => verified !== undefined)).toBe(true);
    await clock.advance(1000);
    expect(await store.verify(key)).toBeUndefined();
  });

  it('notes the last use', async () => {
    const { key } = await store.create(admin, { name: 'bot', scopes: ['agents:read'] });
    expect((await store.list(admin))[0]?.lastUsedAt).toBeNull();
    await store.verify(key);
    await expect
      .poll(async () => (await store.list(admin))[0]?.lastUsedAt)
      .toBe(new Date(clock.now()).toISOString());
  });

  it('keeps the keys of tenants apart', async () => {
    const { id } = await store.create(admin, { name: 'bot', scopes: ['agents:read'] });
    expect(await store.list(foreign)).toEqual([]);
    await expect(store.revoke(foreign, id)).rejects.toMatchObject({ code: 'not_found' });
    await expect(store.revoke(admin, 'key_none')).rejects.toMatchObject({ code: 'not_found' });
  });

  it('tells who is behind a key, to its own tenant only', async () => {
    const attributes = { team: 'red', user: 'ann', tags: ['eu'], models: ['gpt-*'] };
    const { id } = await store.create(admin, { name: 'bot', scopes: ['agents:read'], attributes });
    const principal = `key:${id}`;
    expect((await store.list(admin))[0]).toMatchObject({ id, name: 'bot', ...attributes });
    expect(await elsewhere.attributes({ tenant: 'default', principal })).toEqual({
      name: 'bot',
      ...attributes,
    });
    expect(await elsewhere.attributes({ tenant: 'other', principal })).toBeUndefined();
    expect(await elsewhere.attributes({ tenant: 'default', principal: 'key:none' })).toBeUndefined();
    expect(await elsewhere.attributes({ tenant: 'default', principal: 'user:ann' })).toBeUndefined();
    const plain = await store.create(admin, { name: 'plain', scopes: ['agents:read'] });
    expect(plain).toMatchObject({ team: null, user: null, tags: [], models: null });
  });

  it('asks once a second who is behind a key, and not at all after it was shown', async () => {
    const { id, key } = await store.create(admin, { name: 'bot', scopes: ['agents:read'] });
    const scope = { tenant: 'default', principal: `key:${id}` };
    await store.verify(key);
    await storage.db.deleteFrom('api_keys').execute();
    expect(await store.attributes(scope)).toBeDefined();
    await clock.advance(1000);
    expect(await store.attributes(scope)).toBeUndefined();
  });

  it('gives no key models that its creator may not use', async () => {
    const { id } = await store.create(admin, {
      name: 'team',
      scopes: ['keys:admin'],
      attributes: { models: ['gpt-*', 'chat'] },
    });
    const creator: Scope = { tenant: 'default', principal: `key:${id}`, scopes: ['keys:admin'] };
    const modelsOf = async (models?: readonly string[]) =>
      (
        await store.create(creator, {
          name: 'x',
          scopes: ['keys:admin'],
          ...(models === undefined ? {} : { attributes: { models } }),
        })
      ).models;
    expect(await modelsOf()).toEqual(['gpt-*', 'chat']);
    expect(await modelsOf(['gpt-5*', 'chat'])).toEqual(['gpt-5*', 'chat']);
    await expect(modelsOf(['*'])).rejects.toMatchObject({ code: 'forbidden' });
  });

  it('knows the admin key of the configuration, and no longer an earlier one', async () => {
    const [first, second] = [`a33_${'first-'.repeat(4)}`, `a33_${'second-'.repeat(4)}`];
    await store.ensureAdminKey(systemScope, { key: first, configured: true });
    await store.ensureAdminKey(systemScope, { key: first, configured: true });
    expect(await store.list(admin)).toHaveLength(1);
    expect((await store.verify(first))?.scope.scopes).toEqual(['admin']);
    await store.ensureAdminKey(systemScope, { key: second, configured: true });
    expect(await store.verify(second)).toBeDefined();
    await clock.advance(1000);
    expect(await store.verify(first)).toBeUndefined();
  });

  it('leaves a revoked admin key revoked', async () => {
    const key = `a33_${'generated-'.repeat(3)}`;
    await store.ensureAdminKey(systemScope, { key, configured: false });
    await store.revoke(admin, (await store.list(admin))[0]?.id ?? '');
    await store.ensureAdminKey(systemScope, { key, configured: false });
    expect(await store.verify(key)).toBeUndefined();
  });
});
