import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../base/index.ts';
import { projectDefinition, type Scope } from '../../protocol/index.ts';
import { createAgentStore } from './create-agent-store.ts';
import { MemoryStorage } from '../../testing/memory-storage.ts';

const storage = new MemoryStorage();
beforeAll(() => storage.start(), 60_000);
afterAll(() => storage.stop());

const scope: Scope = { tenant: 'one', principal: 'user:ann', scopes: ['admin'] };
const agent = (name: string): unknown => ({
  apiVersion: 'agent33/v1',
  kind: 'Agent',
  metadata: { name },
  spec: {},
});

it('the default agent is the one of the project, else the first by name', async () => {
  let defaultAgent: string | undefined;
  const store = createAgentStore({
    storage,
    clock: systemClock,
    startedAt: '2026-01-01T00:00:00.000Z',
    project: () => ({
      project: projectDefinition.parse({
        apiVersion: 'agent33/v1',
        kind: 'Project',
        metadata: { name: 'p' },
        spec: { defaultAgent },
      }),
      definitions: [],
      problems: [],
    }),
  });
  await expect(store.defaultName(scope)).rejects.toMatchObject({ code: 'not_found' });
  await store.create(scope, agent('zed'));
  await store.create(scope, agent('alpha'));
  expect(await store.defaultName(scope)).toBe('alpha');
  defaultAgent = 'zed';
  expect(await store.defaultName(scope)).toBe('zed');
});
