import { expect, it } from 'vitest';
import { asAdmin, openHttpGround } from '../../../testing/http-ground.ts';

it('lists, shows and deletes sessions and tells what was said', async () => {
  const { app } = await openHttpGround();
  const call = (path: string, method: 'GET' | 'DELETE' = 'GET') =>
    app.inject({ method, url: `/api/v1/sessions${path}`, headers: asAdmin });
  const session = { id: 'ses_1', agent: 'helper', title: 'hello', message_count: 2 };
  expect((await call('?agent=helper')).json()).toMatchObject({ items: [session], next: null });
  expect((await call('/ses_1')).json()).toMatchObject(session);
  expect((await call('/ses_1/messages')).json()).toEqual({
    items: [
      {
        id: 'msg_1',
        sequence: 1,
        run_id: 'run_1',
        message: { role: 'user', content: 'hello' },
        created_at: '2026-01-01T00:00:00.000Z',
      },
    ],
    next: null,
  });
  expect((await call('/ses_1', 'DELETE')).statusCode).toBe(204);
  expect((await call('/none', 'DELETE')).statusCode).toBe(404);
});
