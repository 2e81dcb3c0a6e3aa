import { expect, it } from 'vitest';
import { asAdmin, openHttpGround } from '../../../testing/http-ground.ts';

type Headers = Record<string, string>;

async function ground() {
  const opened = await openHttpGround();
  const call = (
    method: 'GET' | 'PUT' | 'DELETE' | 'POST',
    path = '',
    body?: object,
    headers: Headers = asAdmin,
  ) =>
    opened.app.inject({
      method,
      url: `/api/v1/limits${path}`,
      headers,
      ...(body === undefined ? {} : { body }),
    });
  return { ...opened, call };
}

it('limits are set, shown with what was used, reset and removed', async () => {
  const { call } = await ground();
  const set = await call('PUT', '/team:red', {
    rpm: 10,
    tpm: null,
    budgets: [
      { usd: 10, period: 'month' },
      { usd: 1, period: '1d' },
      { usd: 100, period: 'total' },
    ],
  });
  expect([set.statusCode, set.json()]).toEqual([
    200,
    {
      subject: 'team:red',
      stored: {
        rpm: 10,
        tpm: null,
        budgets: [
          { usd: 10, period: 'month' },
          { usd: 1, period: '1d' },
          { usd: 100, period: 'total' },
        ],
        updated_by: 'key:admin',
        updated_at: '2026-01-01T00:00:00.000Z',
      },
      file: null,
      effective: {
        rpm: 10,
        budgets: [
          { usd: 10, period: 'month' },
          { usd: 1, period: '1d' },
          { usd: 100, period: 'total' },
        ],
        unpriced: 'deny',
      },
      use: [
        {
          subject: 'team:red',
          requests: 3,
          tokens: 500,
          parallel: 1,
          budgets: [
            {
              usd: 10,
              period: 'month',
              spent_usd: 5,
              reserved_usd: 0.25,
              remaining_usd: 4.75,
              resets_at: '2026-02-01T00:00:00.000Z',
            },
            {
              usd: 1,
              period: '1d',
              spent_usd: 0.5,
              reserved_usd: 0.25,
              remaining_usd: 0.25,
              resets_at: '2026-02-01T00:00:00.000Z',
            },
            {
              usd: 100,
              period: 'total',
              spent_usd: 50,
              reserved_usd: 0.25,
              remaining_usd: 49.75,
              resets_at: null,
            },
          ],
        },
      ],
    },
  ]);
  const listed = (await call('GET')).json() as { items: { subject: string }[] };
  expect(listed.items.map(({ subject }) => subject)).toEqual(['key:*', 'team:red']);
  const reset = await call('POST', '/team:red/reset');
  expect(reset.json()).toMatchObject({ use: [{ budgets: [{ spent_usd: 0 }, {}, {}] }] });
  expect((await call('DELETE', '/team:red')).statusCode).toBe(204);
  expect((await call('DELETE', '/team:red')).statusCode).toBe(404);
});

it('limits of patterns and of names with special characters have an address', async () => {
  const { call, storedLimits } = await ground();
  for (const subject of ['key:*', 'user:ann@example.com', 'tag:a/b c', 'run:*', 'tenant'])
    expect((await call('PUT', `/${encodeURIComponent(subject)}`, { parallel: 1 })).statusCode, subject).toBe(
      200,
    );
  expect([...storedLimits.of('default').keys()]).toEqual([
    'key:*',
    'user:ann@example.com',
    'tag:a/b c',
    'run:*',
    'tenant',
  ]);
});

it('limits that make no sense are refused', async () => {
  const { call } = await ground();
  for (const body of [
    {},
    { rpm: 0 },
    { rpm: 1.5 },
    { budgets: [{ usd: -1, period: '1d' }] },
    { budgets: [{ usd: 1, period: 'soon' }] },
    { colour: 'red' },
  ])
    expect((await call('PUT', '/tenant', body)).statusCode, JSON.stringify(body)).toBe(400);
  expect((await call('PUT', '/nonsense', { rpm: 1 })).statusCode).toBe(400);
  expect((await call('PUT', '/key:nobody', { rpm: 1 })).statusCode).toBe(404);
  expect((await call('POST', '/key:*/reset')).statusCode).toBe(400);
});

it('limits are changed with limits:write only, and others’ are read with usage:read', async () => {
  const { call } = await ground();
  const reader = { 'x-api-key': 'key-usage:read' };
  const nobody = { 'x-api-key': 'key-none' };
  expect((await call('GET', '', undefined, reader)).statusCode).toBe(200);
  for (const [method, path] of [
    ['PUT', '/tenant'],
    ['DELETE', '/tenant'],
    ['POST', '/tenant/reset'],
  ] as const)
    expect((await call(method, path, method === 'PUT' ? { rpm: 1 } : undefined, reader)).statusCode).toBe(
      403,
    );
  expect((await call('GET', '/tenant', undefined, nobody)).statusCode).toBe(403);
  const own = (await call('GET', '', undefined, nobody)).json() as { items: { subject: string }[] };
  expect(own.items.map(({ subject }) => subject)).toEqual(['key:none']);
});

it('a key is made with its attributes and limits, or not at all', async () => {
  const { app, storedLimits } = await ground();
  const create = (body: object, headers: Headers = asAdmin) =>
    app.inject({
      method: 'POST',
      url: '/api/v1/auth/keys',
      headers,
      body: { name: 'ci', scopes: ['models:invoke'], ...body },
    });
  const attributes = { team: 'red', user: 'ann', tags: ['eu'], models: ['chat', 'openai/gpt-5*'] };
  const limits = { rpm: 5, budgets: [{ usd: 20, period: 'month' }] };
  const made = await create({ ...attributes, limits });
  expect([made.statusCode, made.json()]).toEqual([201, expect.objectContaining(attributes)]);
  expect(storedLimits.of('default').get('key:key_1')?.values).toEqual(limits);
  expect((await create({ limits }, { 'x-api-key': 'key-keys:admin,models:invoke' })).statusCode).toBe(403);
  expect((await create({}, { 'x-api-key': 'key-keys:admin,models:invoke' })).statusCode).toBe(201);
  expect((await create({ models: [] })).statusCode).toBe(400);
});
