import { describe, expect, it } from 'vitest';
import { asAdmin, openHttpGround } from '../../../testing/http-ground.ts';

describe('/api/v1/auth', () => {
  it('gives a token for a key in a header or in the body', async () => {
    const { app } = await openHttpGround();
    const ask = (headers: Record<string, string>, body?: object) =>
      app.inject({
        method: 'POST',
        url: '/api/v1/auth/token',
        headers,
        ...(body === undefined ? {} : { body }),
      });
    const byHeader = await ask({ authorization: 'Bearer key-agents:read' });
    expect(byHeader.json()).toEqual({
      access_token: 'token-of-key-agents:read',
      token_type: 'bearer',
      expires_in: 3600,
      expires_at: '2026-01-01T01:00:00.000Z',
      scopes: ['agents:read'],
    });
    const byBody = await ask({}, { api_key: 'key-admin', scopes: ['runs:read'], expires_in_minutes: 5 });
    expect(byBody.json()).toMatchObject({ expires_in: 300, scopes: ['runs:read'] });
    expect((await ask({})).statusCode).toBe(401);
    expect((await ask({}, { api_key: 'wrong' })).statusCode).toBe(401);
    expect((await ask(asAdmin, { scopes: ['everything'] })).statusCode).toBe(400);
  });

  it('says who the caller is', async () => {
    const { app } = await openHttpGround();
    const response = await app.inject({ url: '/api/v1/auth/me', headers: { 'x-api-key': 'key-runs:read' } });
    expect(response.json()).toEqual({
      principal: 'key:runs:read',
      tenant: 'default',
      scopes: ['runs:read'],
    });
  });

  it('makes, lists and revokes keys; a key is shown only when it is made', async () => {
    const { app } = await openHttpGround();
    const made = await app.inject({
      method: 'POST',
      url: '/api/v1/auth/keys',
      headers: asAdmin,
      body: { name: 'ci', scopes: ['agents:invoke'], expires_in_days: 30 },
    });
    expect([made.statusCode, made.json()]).toEqual([
      201,
      expect.objectContaining({ id: 'key_1', name: 'ci', scopes: ['agents:invoke'], key: 'a33_new' }),
    ]);
    const listed = await app.inject({ url: '/api/v1/auth/keys', headers: asAdmin });
    expect(listed.json()).toMatchObject({ items: [{ id: 'key_1', hint: 'a33_abc…', expires_at: null }] });
    expect(listed.body).not.toContain('a33_new');
    const revoke = (id: string) =>
      app.inject({ method: 'DELETE', url: `/api/v1/auth/keys/${id}`, headers: asAdmin });
    expect((await revoke('key_1')).statusCode).toBe(204);
    expect((await revoke('key_2')).statusCode).toBe(404);
  });
});
