import { expect, it } from 'vitest';
import { asAdmin, openHttpGround } from '../../../testing/http-ground.ts';

it('lists the files of a run and gives their content as something to save, never to run', async () => {
  const { app } = await openHttpGround();
  const get = (url: string) => app.inject({ url, headers: asAdmin });
  const id = 'fil_00000000000000000000';
  expect((await get('/api/v1/runs/run_1/files')).json()).toEqual({
    items: [
      {
        id,
        name: 'page.html',
        mime_type: 'text/html',
        size_bytes: 9,
        direction: 'out',
        url: `/api/v1/runs/run_1/files/${id}`,
      },
    ],
  });
  for (const name of [id, 'page.html']) {
    const content = await get(`/api/v1/runs/run_1/files/${name}`);
    expect(content.body).toBe('<p>hi</p>');
    expect(content.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-disposition': "attachment; filename*=UTF-8''page.html",
      'x-content-type-options': 'nosniff',
    });
  }
  expect((await get('/api/v1/runs/run_1/files/other')).statusCode).toBe(404);
  expect((await get('/api/v1/runs/none/files')).statusCode).toBe(404);
  expect((await app.inject({ url: `/api/v1/runs/run_1/files/${id}` })).statusCode).toBe(401);
});
