import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../base/index.ts';
import type { AgentDefinition, Scope } from '../../protocol/index.ts';
import { FakeClock } from '../../testing/index.ts';
import { createDefinitionStore } from './create-definition-store.ts';
import type { LoadedProject, Located } from './load-project.ts';
import { parseDefinitions } from './parse-definition.ts';
import { MemoryStorage } from '../../testing/memory-storage.ts';

const storage = new MemoryStorage();
beforeAll(() => storage.start(), 60_000);
afterAll(() => storage.stop());

const startedAt = '2026-01-01T00:00:00.000Z';
let round = 0;
let scope: Scope;
let files: Located<AgentDefinition>[];
let clock: FakeClock;
beforeEach(() => {
  // A tenant for each test: none sees the agents of another.
  round += 1;
  scope = { tenant: `tenant-${round}`, principal: 'user:ann', scopes: ['admin'] };
  files = [];
  clock = new FakeClock(Date.parse(startedAt));
});

const agent = (name: string, description = ''): unknown => ({
  apiVersion: 'agent33/v1',
  kind: 'Agent',
  metadata: { name },
  spec: { description },
});

function addFile(name: string, description: string): void {
  const { definitions } = parseDefinitions('f', JSON.stringify(agent(name, description)));
  const [definition] = definitions;
  if (definition?.kind !== 'Agent') throw new Error('expected an agent');
  files.push({ definition, path: `agents/${name}.yaml` });
}

const store = createDefinitionStore('Agent', {
  storage,
  clock: { ...systemClock, now: () => clock.now() },
  startedAt,
  project: (): LoadedProject => ({
    project: {
      apiVersion: 'agent33/v1',
      kind: 'Project',
      metadata: { name: 'p' },
      spec: {
        models: {
          prefixes: {},
          prices: {},
          groups: {},
          aliases: {},
          router: {},
          limits: [],
          usage: { retention: 1 },
        },
        routing: { sources: [] },
        egress: { allow: [], domains: [] },
        commands: { allow: [], environment: [] },
        runs: { concurrency: 1, retention: 1 },
      },
    },
    definitions: files,
    problems: [],
  }),
});
const names = async (of: Scope = scope) =>
  (await store.list(of)).map((one) => `${one.definition.metadata.name}: ${one.definition.spec.description}`);

describe('agents of the API', () => {
  it('are created, read, changed and deleted, each change a version', async () => {
    const made = await store.create(scope, agent('helper', 'first'));
    expect(made).toMatchObject({ origin: { kind: 'api', version: 1 }, updatedAt: startedAt });
    expect(await store.get(scope, 'helper')).toEqual(made);
    await clock.advance(1000);
    const changed = await store.update(scope, 'helper', agent('helper', 'second'));
    expect(changed).toMatchObject({
      origin: { kind: 'api', version: 2 },
      definition: { spec: { description: 'second' } },
      updatedAt: '2026-01-01T00:00:01.000Z',
    });
    expect(changed.hash).not.toBe(made.hash);
    expect(await store.get(scope, 'helper')).toEqual(changed);
    await store.delete(scope, 'helper');
    await expect(store.get(scope, 'helper')).rejects.toMatchObject({ code: 'not_found' });
    expect(await names()).toEqual([]);
    await expect(store.delete(scope, 'helper')).rejects.toMatchObject({ code: 'not_found' });
    await expect(store.update(scope, 'helper', agent('helper'))).rejects.toMatchObject({ code: 'not_found' });
  });

  it('may take the name of a deleted one again, and have the same hash for the same content', async () => {
    const first = await store.create(scope, agent('helper', 'x'));
    await store.delete(scope, 'helper');
    const again = await store.create(scope, agent('helper', 'x'));
    expect(again.origin).toEqual({ kind: 'api', version: 3 });
    expect(again.hash).toBe(first.hash);
    expect((await store.get(scope, 'helper')).origin).toEqual({ kind: 'api', version: 3 });
  });

  it('are refused when the name is taken or another than in the address', async () => {
    await store.create(scope, agent('helper', 'mine'));
    await expect(store.create(scope, agent('helper'))).rejects.toMatchObject({ code: 'conflict' });
    await expect(store.update(scope, 'helper', agent('other'))).rejects.toMatchObject({
      code: 'invalid_request',
      message: 'metadata.name: expected "helper", the name in the address',
    });
    expect(await names()).toEqual(['helper: mine']);
  });

  it('have one winner when two change one at the same time', async () => {
    await store.create(scope, agent('helper', 'old'));
    const outcomes = await Promise.allSettled(
      ['one', 'two', 'three'].map((text) => store.update(scope, 'helper', agent('helper', text))),
    );
    const won = outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const lost = outcomes.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
    expect(won).toHaveLength(1);
    expect(lost).toEqual([
      expect.objectContaining({
        code: 'conflict',
        message: expect.stringContaining('somebody else') as string,
      }),
      expect.objectContaining({ code: 'conflict' }),
    ]);
    expect(await store.get(scope, 'helper')).toEqual(won[0]);
  });

  it('belong to their tenant', async () => {
    const other: Scope = { ...scope, tenant: `${scope.tenant}-other` };
    await store.create(scope, agent('helper', 'mine'));
    await expect(store.get(other, 'helper')).rejects.toMatchObject({ code: 'not_found' });
    await store.create(other, agent('helper', 'theirs'));
    await store.delete(other, 'helper');
    expect([await names(), await names(other)]).toEqual([['helper: mine'], []]);
  });

  it.each([
    ['nothing', undefined, 'expected a definition of kind Agent'],
    ['a text', 'helper', 'expected a definition'],
    ['another kind', { ...(agent('p') as object), kind: 'Project', spec: {} }, 'kind: expected "Agent"'],
    ['an unknown field', { ...(agent('p') as object), spec: { toolz: [] } }, 'did you mean "tools"?'],
    [
      'a secret of the server',
      { ...(agent('p') as object), spec: { model: { config: { api_key: '${HOME}' } } } },
      'spec.model.config.api_key: the environment variable HOME is not set',
    ],
    [
      'a character that the database cannot hold',
      agent('p', 'a\0b'),
      'spec.description: the character U+0000',
    ],
    ['a very large one', agent('p', 'x'.repeat(1024 * 1024)), 'larger than'],
  ])('are refused when they are %s', async (_name, given, message) => {
    await expect(store.create(scope, given)).rejects.toMatchObject({
      code: 'invalid_definition',
      message: expect.stringContaining(message) as string,
      details: { issues: [expect.anything()] },
    });
    expect(await names()).toEqual([]);
  });
});

describe('agents of files', () => {
  it('win over an API agent of the same name, which is there again when the file goes', async () => {
    await store.create(scope, agent('helper', 'from the API'));
    addFile('helper', 'from a file');
    expect(await names()).toEqual(['helper: from a file']);
    expect(await store.get(scope, 'helper')).toMatchObject({
      origin: { kind: 'file', path: 'agents/helper.yaml' },
      updatedAt: startedAt,
    });
    files = [];
    expect(await names()).toEqual(['helper: from the API']);
  });

  it('cannot be changed over the API', async () => {
    addFile('helper', 'from a file');
    for (const attempt of [
      () => store.create(scope, agent('helper')),
      () => store.update(scope, 'helper', agent('helper')),
      () => store.delete(scope, 'helper'),
    ])
      await expect(attempt()).rejects.toMatchObject({ code: 'conflict' });
    await expect(store.delete(scope, 'helper')).rejects.toThrow('agents/helper.yaml');
    expect(await names()).toEqual(['helper: from a file']);
  });

  it('have the hash that the same agent has over the API', async () => {
    addFile('helper', 'same');
    const { hash } = await store.get(scope, 'helper');
    files = [];
    expect((await store.create(scope, agent('helper', 'same'))).hash).toBe(hash);
  });
});

describe('finding agents', () => {
  it('lists both origins by name, and names the nearest one for a mistyped name', async () => {
    addFile('mid', '');
    await store.create(scope, agent('zed'));
    await store.create(scope, agent('alpha'));
    expect(await names()).toEqual(['alpha: ', 'mid: ', 'zed: ']);
    await expect(store.get(scope, 'alhpa')).rejects.toMatchObject({
      code: 'not_found',
      message: 'there is no agent "alhpa" — did you mean "alpha"?',
    });
  });
});
