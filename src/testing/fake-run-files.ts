import type { HttpServerDeps } from '../entrypoints/http/index.ts';

const file = {
  id: 'fil_00000000000000000000',
  name: 'page.html',
  mimeType: 'text/html',
  sizeBytes: 9,
  direction: 'out',
} as const;

/** Every run has one file, an HTML page. */
export const fakeRunFiles: HttpServerDeps['files'] = {
  list: () => Promise.resolve([file]),
  find: (_scope, _runId, nameOrId) =>
    Promise.resolve([file].find(({ id, name }) => nameOrId === id || nameOrId === name)),
  read: () => Promise.resolve(Buffer.from('<p>hi</p>')),
};
