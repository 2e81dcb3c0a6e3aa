import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createMemoryApp } from '../../../src/testing/create-memory-app.ts';
import { createMemoryLogger, type TestApp } from '../../../src/testing/index.ts';

const list = (deployments: string): string =>
  `apiVersion: agent33/v1\nkind: Project\nmetadata: { name: p }\nspec:\n  models:\n    groups:\n      chat: [${deployments}]\n`;

const logger = createMemoryLogger();
let app: TestApp;
beforeAll(async () => {
  app = await createMemoryApp({
    files: { 'agent33.yaml': list('fake/model, { model: fake/other, id: "bad id" }') },
    app: { logger },
  });
});
afterAll(() => app.stop());

const ask = async (): Promise<[number, string]> => {
  const response = await app.request('POST', '/v1/chat/completions', {
    model: 'chat',
    messages: [{ role: 'user', content: 'hi' }],
  });
  return [response.status, response.headers.get('x-a33-model') ?? (await response.text())];
};
const health = async () =>
  (await (await app.request('GET', '/health')).json()) as {
    status: string;
    services: Record<string, string>;
    details: Record<string, { detail?: string }>;
  };
const warned = () =>
  logger.lines.filter(({ message }) => message === 'definition has a fault').map(({ fields }) => fields);

it('serves from the good deployments at a cold start, says what is wrong, and keeps the last good list after', async () => {
  app.fakeModel.reply('hello', 'hello', 'hello');
  expect(await ask()).toEqual([200, 'fake/model']);
  const told = await health();
  expect(told).toMatchObject({ status: 'degraded', services: { model_list: 'degraded' } });
  expect(told.details['model_list']?.detail).toMatch(/^agent33\.yaml:7:\d+ expected 1 to 128 printable/);
  expect(warned()).toMatchObject(
    [{ file: 'agent33.yaml', line: 7, field: 'spec.models.groups.chat.1.id', reason: /^expected/ }].map(
      ({ reason: _reason, ...place }) => place,
    ),
  );

  await writeFile(path.join(app.projectDir, 'agent33.yaml'), list('fake/third'));
  await expect.poll(async () => (await health()).services['model_list'], { timeout: 10_000 }).toBe('ok');
  expect(await ask()).toEqual([200, 'fake/third']);

  await writeFile(
    path.join(app.projectDir, 'agent33.yaml'),
    list('fake/fourth, { model: fake/other, id: "bad id" }'),
  );
  await expect
    .poll(async () => (await health()).services['model_list'], { timeout: 10_000 })
    .toBe('degraded');
  expect(await ask()).toEqual([200, 'fake/third']);
});
