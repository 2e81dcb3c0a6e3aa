import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { systemClock } from '../../../base/index.ts';
import { createEgressClient } from '../../../platform/http-client/index.ts';
import { toolContract } from '../../../testing/contracts/tool-contract.ts';
import { calculator } from './calculator.ts';
import { createClockTool } from './clock.ts';
import { fileOps } from './file-ops.ts';
import { createKnowledgeSearchTool } from './knowledge-search.ts';
import { createWebFetchTool } from './web-fetch.ts';

let projectDir: string;
let server: Server;
let url: string;

beforeAll(async () => {
  projectDir = await mkdtemp(path.join(tmpdir(), 'agent33-tools-'));
  await mkdir(path.join(projectDir, 'notes'));
  await writeFile(path.join(projectDir, 'notes/today.md'), '# Today\n\nWater the plants.\n');
  server = createServer((_request, response) => response.end('hello'));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterAll(async () => {
  server.close();
  await rm(projectDir, { recursive: true, force: true });
});

toolContract('calculator', () =>
  Promise.resolve({ tool: calculator, works: { expression: '6 * 7' }, unfit: { expression: 42 } }),
);
toolContract('clock', () =>
  Promise.resolve({
    tool: createClockTool(systemClock),
    works: { timezone: 'Europe/Lisbon' },
    unfit: { timezone: '' },
  }),
);
toolContract('file_ops', () =>
  Promise.resolve({
    tool: fileOps,
    works: { operation: 'read', path: 'notes/today.md' },
    unfit: { operation: 'delete', path: 'notes/today.md' },
    context: { projectDir, use: { paths: ['notes'] } },
  }),
);
toolContract('knowledge_search', () =>
  Promise.resolve({
    tool: createKnowledgeSearchTool(),
    works: { query: 'plants' },
    unfit: { query: 'plants', limit: 0 },
    context: { projectDir, knowledge: [{ name: 'notes', path: 'notes' }] },
  }),
);
toolContract('web_fetch', () =>
  Promise.resolve({
    tool: createWebFetchTool({ createEgress: createEgressClient, allowPrivate: ['127.0.0.1'] }),
    works: { url },
    unfit: { url, method: 'DELETE' },
    context: { use: { domains: ['127.0.0.1'] } },
  }),
);
