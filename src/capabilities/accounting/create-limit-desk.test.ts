import { expect, it } from 'vitest';
import { modelLimits, type PermissionScope, type Scope } from '../../protocol/index.ts';
import { createFakeLedgerUse, FakeStoredLimits } from '../../testing/fake-limits.ts';
import { createLimitDesk } from './create-limit-desk.ts';
import { createFileLimits } from './file-limits.ts';

const scopeOf = (principal: string, ...scopes: PermissionScope[]): Scope => ({
  tenant: 'default',
  principal,
  scopes,
});
const admin = scopeOf('key:boss', 'admin');
const nobody = scopeOf('key:key_1');

function ground() {
  const stored = new FakeStoredLimits();
  const ledger = createFakeLedgerUse();
  const keys = [
    { id: 'key_1', name: 'ci' },
    { id: 'key_2', name: 'twin' },
    { id: 'key_3', name: 'twin' },
  ].map((key) => ({
    ...key,
    team: null,
    user: null,
    tags: [],
    models: null,
    hint: '',
    scopes: [],
    createdAt: '',
    expiresAt: null,
    revokedAt: null,
    lastUsedAt: null,
  }));
  const list = modelLimits.parse([
    { subject: 'key:*', rpm: 600 },
    { subject: 'key:twin', budgets: [{ usd: 4, period: 'month' }] },
  ]);
  const desk = createLimitDesk({
    stored,
    ledger,
    file: createFileLimits(() => list),
    keys: { list: ({ tenant }) => Promise.resolve(tenant === 'default' ? keys : []) },
  });
  return { desk, ledger, stored };
}

it('shows what is set, what holds and what was used', async () => {
  const { desk } = ground();
  const view = await desk.set(admin, 'key:ci', { budgets: [{ usd: 2, period: 'month' }] });
  expect(view).toEqual({
    subject: 'key:key_1',
    stored: {
      values: { budgets: [{ usd: 2, period: 'month' }] },
      updatedBy: 'key:boss',
      updatedAt: '2026-01-01T00:00:00.000Z',
    },
    file: null,
    effective: { rpm: 600, budgets: [{ usd: 2, period: 'month' }] },
    use: [
      {
        subject: 'key:key_1',
        requests: 3,
        tokens: 500,
        parallel: 1,
        budgets: [
          { usd: 2, period: 'month', spentUsd: 1, reservedUsd: 0.25, resetsAtMs: Date.UTC(2026, 1, 1) },
        ],
      },
    ],
  });
  const all = await desk.list(admin);
  expect(all.map(({ subject, use }) => [subject, use.map((one) => one.subject)])).toEqual([
    ['key:*', []],
    ['key:key_1', ['key:key_1']],
    ['key:twin', ['key:key_2', 'key:key_3']],
  ]);
  expect(all[2]?.effective).toEqual({ rpm: 600, budgets: [{ usd: 4, period: 'month' }] });
  expect(all[2]?.use[0]?.budgets[0]?.usd).toBe(4);
});

it('resets what one subject has spent, and no pattern', async () => {
  const { desk, ledger } = ground();
  await desk.reset(admin, 'key:ci');
  await desk.reset(admin, 'tenant');
  await desk.reset(admin, 'run:run_1');
  expect(ledger.resets).toEqual([
    'tenant/default/key:key_1',
    'tenant/default/tenant',
    'tenant/default/run:run_1',
  ]);
  await expect(desk.reset(admin, 'key:*')).rejects.toMatchObject({ code: 'invalid_request' });
});

it('refuses what it cannot mean', async () => {
  const { desk } = ground();
  await expect(desk.set(admin, 'key:none', { rpm: 1 })).rejects.toMatchObject({ code: 'not_found' });
  await expect(desk.set(admin, 'key:twin', { rpm: 1 })).rejects.toMatchObject({ code: 'conflict' });
  await expect(desk.set(admin, 'nonsense', { rpm: 1 })).rejects.toMatchObject({ code: 'invalid_request' });
  await expect(desk.set(admin, 'run:run_1', { rpm: 1 })).rejects.toMatchObject({ code: 'invalid_request' });
  await expect(desk.remove(admin, 'key:ci')).rejects.toMatchObject({ code: 'not_found' });
  const foreign: Scope = { tenant: 'other', principal: 'key:x', scopes: ['admin'] };
  await expect(desk.get(foreign, 'key:key_1')).rejects.toMatchObject({ code: 'not_found' });
});

it('removes what is stored, also for a key that is gone; the file goes on to hold', async () => {
  const { desk, stored } = ground();
  await desk.set(admin, 'key:ci', { rpm: 1 });
  await stored.set(admin, 'key:gone', { rpm: 1 });
  await desk.remove(admin, 'key:ci');
  await desk.remove(admin, 'key:gone');
  expect([...stored.of('default').keys()]).toEqual([]);
  expect((await desk.get(admin, 'key:ci')).effective).toEqual({ rpm: 600 });
  await expect(desk.remove(admin, 'key:*')).rejects.toMatchObject({
    message: expect.stringContaining('agent33.yaml') as string,
  });
});

it('shows its own limits and no others to a key without usage:read', async () => {
  const { desk } = ground();
  expect((await desk.list(nobody)).map(({ subject }) => subject)).toEqual(['key:key_1']);
  expect((await desk.get(nobody, 'key:key_1')).effective).toEqual({ rpm: 600 });
  await expect(desk.get(nobody, 'key:key_2')).rejects.toMatchObject({ code: 'forbidden' });
  await expect(desk.get(nobody, 'tenant')).rejects.toMatchObject({ code: 'forbidden' });
  expect(await desk.list(scopeOf('user:ann'))).toEqual([]);
});
