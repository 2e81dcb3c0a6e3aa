import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../base/index.ts';
import { type BuiltFake, modelListDeps, modelSources } from '../../../testing/index.ts';
import { buildConfiguredProvider, configurableKind } from '../providers/configured-provider.ts';
import type { ModelListDeps } from './create-model-list.ts';
import { readModelList } from './model-list-source.ts';

const read = (models: string, given: Partial<ModelListDeps> = {}) =>
  readModelList(modelSources(models), { dir: '/nowhere', ...modelListDeps(given) });

const failure = (call: () => unknown): string => {
  try {
    call();
  } catch (error) {
    return String(error);
  }
  return 'none';
};

describe('the key of a deployment', () => {
  it('is noted when it is missing, and missed only when the deployment is called', async () => {
    const { list, faults } = await read(
      'groups: { chat: [{ id: a, model: openai/a, api_key: os.environ/NOPE }, openai/b] }',
    );
    expect(faults).toEqual([]);
    expect(list.notes).toEqual([
      'agent33.yaml:6: the deployment "a" of "chat" cannot be called: the environment variable NOPE is not set',
    ]);
    const [first, second] = list.groups.get('chat') ?? [];
    expect(failure(() => first?.provider())).toBe(
      'AppError: The deployment "a" of "chat" cannot be called: the environment variable NOPE is not set (agent33.yaml:6).',
    );
    expect(second?.provider().name).toBe('openai');
  });

  it('is told where it goes to several hosts', async () => {
    const { list } = await read(
      `groups:
  chat:
    - { model: openai/a, api_key: "\${KEY}" }
    - { model: openai/a, api_key: "\${KEY}", base_url: "http://10.0.0.1/v1" }
    - { model: openai/a, api_key: os.environ/OTHER, base_url: "http://10.0.0.1/v1" }
    - { model: openai/b, api_key: os.environ/OTHER, base_url: "http://10.0.0.1/v1" }
`,
      { environment: { KEY: 'sk-secret', OTHER: 'sk-other' } },
    );
    expect(list.notes).toEqual(['${KEY} goes to several hosts: 10.0.0.1:80, the address of openai']);
  });

  it('goes to none but the hosts that its store names', async () => {
    const environment = {
      SECRET_OPENAI_API_KEY: 'sk-secret',
      SECRET_OPENAI_HOSTS: 'api.openai.com, proxy.example:8443',
    };
    const withBase = (address: string) =>
      read(
        `groups: { chat: [{ model: openai/a, api_key: 'secret:openai:api_key', base_url: '${address}' }] }`,
        { environment },
      );
    const reason = async (address: string) => {
      const { list } = await withBase(address);
      return failure(() => list.groups.get('chat')?.[0]?.provider());
    };
    expect(await reason('https://api.openai.com/v1')).toBe('none');
    expect(await reason('https://proxy.example:8443/v1')).toBe('none');
    expect(await reason('https://proxy.example/v1')).toContain('may not be sent to proxy.example:443');
    expect(await reason('https://api.openai.com.evil.example/v1')).toContain('may not be sent to');
    expect(await reason('https://evil.example/v1')).not.toContain('sk-secret');
  });

  it.each([
    ['not a url', 'its address is no URL'],
    ['ftp://host/v1', 'its address must begin with http:// or https://'],
    ['https://user:pass@host/v1', 'its address must not hold credentials'],
    ['javascript:alert(1)', 'its address must begin with http:// or https://'],
  ])('is not sent to %s', async (address, message) => {
    const { list } = await read(`groups: { chat: [{ model: openai/a, base_url: "${address}" }] }`);
    const reason = failure(() => list.groups.get('chat')?.[0]?.provider());
    expect(reason).toContain(message);
    expect(reason).not.toContain('pass');
  });

  it('is told to whoever keeps secrets out of logs, however it is written', async () => {
    const told: string[] = [];
    await read(
      'groups: { chat: [{ model: openai/a, api_key: sk-literal }, { model: openai/b, api_key: "${KEY}", base_url: "${BASE}" }] }',
      { environment: { KEY: 'sk-secret', BASE: 'https://host' }, onSecret: (value) => told.push(value) },
    );
    expect(told.toSorted()).toEqual(['sk-literal', 'sk-secret']);
  });

  it('of the environment never goes to an address that is written', async () => {
    const seen: (string | null)[] = [];
    const parts = {
      fetch: ((_url: string, init: RequestInit) => {
        seen.push(new Headers(init.headers).get('authorization'));
        return Promise.resolve(Response.json({ data: [] }));
      }) as typeof globalThis.fetch,
      clock: systemClock,
      timeoutMs: 1000,
      environment: { OPENAI_API_KEY: 'sk-environment' },
      defaults: {
        openai: { apiKey: 'sk-environment', baseUrl: undefined },
        anthropic: { apiKey: undefined, baseUrl: undefined },
        ollama: { baseUrl: 'http://localhost:11434' },
      },
    };
    const { list } = await read(
      'groups: { chat: [openai/a, { model: openai/a, base_url: "https://elsewhere.example/v1" }] }',
      {
        buildProvider: (kind, settings) => {
          const known = configurableKind(kind);
          if (known === undefined) throw new Error(kind);
          return buildConfiguredProvider(known, settings, parts);
        },
      },
    );
    for (const one of list.groups.get('chat') ?? [])
      await one.provider().listModels({ signal: new AbortController().signal });
    expect(seen).toEqual(['Bearer sk-environment', null]);
  });

  it('and its provider are built once, and again when the key changes', async () => {
    const secrets = { value: 'one' };
    const deps = {
      dir: '/nowhere',
      ...modelListDeps({ secrets: { get: () => secrets.value } }),
    };
    const sources = modelSources("groups: { chat: [{ model: openai/a, api_key: 'secret:o:k' }] }");
    const { createModelListMemory } = await import('./create-model-list.ts');
    const memory = createModelListMemory(deps);
    const provider = async () => {
      const { list } = await readModelList(sources, deps, memory);
      return list.groups.get('chat')?.[0]?.provider() as BuiltFake;
    };
    const first = await provider();
    expect(await provider()).toBe(first);
    secrets.value = 'two';
    const second = await provider();
    expect(second).not.toBe(first);
    expect(second.settings).toEqual({ api_key: 'two' });
  });
});
