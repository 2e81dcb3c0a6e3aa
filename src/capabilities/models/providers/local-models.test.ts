import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../base/index.ts';
import { createLocalModels, type PullProgress } from './local-models.ts';

const { signal } = new AbortController();
let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function serving(answer: (response: ServerResponse) => void) {
  server = createServer((request, response) => {
    request.resume().on('end', () => answer(response));
  });
  await new Promise<void>((resolve) => {
    server?.listen(0, '127.0.0.1', resolve);
  });
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  return createLocalModels({ baseUrl, fetch: globalThis.fetch, clock: systemClock });
}

describe('pulling a model', () => {
  it('tells its progress, however the lines are cut', async () => {
    const lines = [
      { status: 'pulling manifest' },
      { status: 'pulling 1', digest: 'sha256:1', total: 100, completed: 40 },
      { status: 'success' },
    ];
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    const models = await serving((response) => {
      for (const piece of text.match(/.{1,7}/gs) ?? []) response.write(piece);
      response.end();
    });
    const told: PullProgress[] = [];
    await models.pullModel('llama3.2', (progress) => told.push(progress), { signal });
    expect(told).toEqual(lines);
  });

  it('fails with words when there is no such model, and when the download breaks off', async () => {
    const unknown = await serving((response) =>
      response.end(
        `${JSON.stringify({ status: 'pulling manifest' })}\n{"error":"pull model manifest: file does not exist"}\n`,
      ),
    );
    await expect(unknown.pullModel('nothing', () => {}, { signal })).rejects.toMatchObject({
      code: 'not_found',
      message: /no model "nothing"/,
    });
    server?.close();
    const cut = await serving((response) => response.end('{"status":"pulling 1"}\n'));
    await expect(cut.pullModel('x', () => {}, { signal })).rejects.toMatchObject({ code: 'upstream_error' });
  });

  it('says that nobody is there, and stops when told to', async () => {
    const models = await serving((response) => response.write('{"status":"pulling manifest"}\n'));
    const controller = new AbortController();
    const pulling = models.pullModel('x', () => controller.abort(new Error('enough')), {
      signal: controller.signal,
    });
    await expect(pulling).rejects.toThrow('enough');
    server?.closeAllConnections();
    server?.close();
    await expect(models.pullModel('x', () => {}, { signal })).rejects.toMatchObject({
      code: 'model_unavailable',
    });
  });
});
