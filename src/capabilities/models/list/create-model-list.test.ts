import { describe, expect, it } from 'vitest';
import { builtFrom, modelListDeps, modelSources } from '../../../testing/index.ts';
import type { ModelListDeps } from './create-model-list.ts';
import { readModelList } from './model-list-source.ts';

const read = (models: string, given: Partial<ModelListDeps> = {}, routers: Record<string, string> = {}) =>
  readModelList(modelSources(models, routers), { dir: '/nowhere', ...modelListDeps(given) });

const settingsOf = (built: Awaited<ReturnType<typeof read>>, group: string, index = 0) =>
  builtFrom(built.list.groups.get(group)?.[index]).settings;

describe('the model list', () => {
  it('has every setting of a deployment where the router looks for it', async () => {
    const built = await read(
      `groups:
  chat:
    - id: a
      provider: openai
      model: gpt-5-mini
      api_key: os.environ/OPENAI_API_KEY
      base_url: https://proxy.example/v1
      organization: org-1
      headers: { X-My_Team: blue }
      config: { some_flag: true }
      params: { temperature: 0.2, top_k: 3 }
      weight: 3
      order: 1
      rpm: 100
      tpm: 100000
      max_parallel: 20
      budgets: [{ usd: 5, period: day }, { usd: 50, period: month }]
      timeouts: { connect: 5s, first_token: 30s, idle: 1m, total: 2m }
      price: { input_per_million: 0.25, output_per_million: 2, cached_input_per_million: 0.025 }
      tags: [eu]
      tag_regex: ["^User-Agent: x"]
      context_window: 400000
      max_output_tokens: 128000
      cooldown: 30s
      retries: 2
      region: eu
      mode: chat
    - ollama/llama3.2
`,
      { environment: { OPENAI_API_KEY: 'sk-1' } },
    );
    expect(built.faults).toEqual([]);
    expect(built.hosts).toEqual(['proxy.example:443']);
    const [full, short] = built.list.groups.get('chat') ?? [];
    expect(full).toMatchObject({
      id: 'a',
      group: 'chat',
      providerKind: 'openai',
      model: 'gpt-5-mini',
      params: { temperature: 0.2, top_k: 3 },
      weight: 3,
      order: 1,
      limits: {
        rpm: 100,
        tpm: 100_000,
        parallel: 20,
        budgets: [
          { usd: 5, period: 86_400_000 },
          { usd: 50, period: 'month' },
        ],
      },
      timeouts: { firstTokenMs: 30_000, idleMs: 60_000, totalMs: 120_000 },
      price: { inputPerMillion: 0.25, outputPerMillion: 2, cachedInputPerMillion: 0.025 },
      tags: ['eu'],
      tagRegex: ['^User-Agent: x'],
      contextWindow: 400_000,
      maxOutputTokens: 128_000,
      cooldownMs: 30_000,
      numRetries: 2,
      region: 'eu',
      mode: 'chat',
    });
    expect(settingsOf(built, 'chat')).toEqual({
      api_key: 'sk-1',
      base_url: 'https://proxy.example/v1',
      organization: 'org-1',
      headers: { 'X-My_Team': 'blue' },
      some_flag: true,
      timeout_ms: 120_000,
      idle_timeout_ms: 60_000,
      connect_timeout_ms: 5000,
    });
    expect(short).toMatchObject({
      providerKind: 'ollama',
      model: 'llama3.2',
      params: {},
      limits: {},
      timeouts: {},
    });
    expect(built.list.deployments.get(short?.id ?? '')).toBe(short);
  });

  it('has the router as it is written, and defaults for the rest', async () => {
    const built = await read(`groups: { chat: [openai/a], backup_1: [openai/b] }
aliases: { fast_one: chat, faster: fast_one }
router:
  strategy: latency-based-routing
  retries: 4
  retry_policy: { RateLimit: 3, Default: 1 }
  group_retry_policies: { backup_1: { Timeout: 0 } }
  allowed_fails: 3
  allowed_fails_policy: { RateLimit: 100 }
  cooldown: 10s
  disable_cooldowns: true
  retry_after: 1s
  fallbacks: [{ chat: [backup_1, { model: openai/gpt-5, params: { top_p: 1 } }] }, { backup_1: chat }]
  context_window_fallbacks: { chat: [backup_1] }
  content_policy_fallbacks: { chat: [backup_1] }
  default_fallbacks: [backup_1]
  max_fallbacks: 2
  pre_call_checks: false
  tag_filtering: true
  tag_match: all
  tag_fail_open: true
  timeout: 90s
`);
    expect(built.faults).toEqual([]);
    expect(built.list.settings).toEqual({
      strategy: 'latency',
      numRetries: 4,
      retryPolicy: { RateLimit: 3, Default: 1 },
      groupRetryPolicies: new Map([['backup_1', { Timeout: 0 }]]),
      allowedFails: 3,
      allowedFailsPolicy: { RateLimit: 100 },
      cooldownMs: 10_000,
      disableCooldowns: true,
      retryAfterMs: 1000,
      fallbacks: new Map<string, unknown>([
        ['chat', [{ model: 'backup_1' }, { model: 'openai/gpt-5', params: { top_p: 1 } }]],
        ['backup_1', [{ model: 'chat' }]],
      ]),
      contextWindowFallbacks: new Map([['chat', [{ model: 'backup_1' }]]]),
      contentPolicyFallbacks: new Map([['chat', [{ model: 'backup_1' }]]]),
      defaultFallbacks: [{ model: 'backup_1' }],
      maxFallbacks: 2,
      preCallChecks: false,
      tagFiltering: true,
      tagMatchAll: true,
      tagFailOpen: true,
      groupTags: new Map(),
      timeoutMs: 90_000,
    });
    // Aliases lead to where they end.
    expect([...built.list.aliases]).toEqual([
      ['fast_one', 'chat'],
      ['faster', 'chat'],
    ]);
    const plain = await read('groups: { chat: [openai/a] }', { timeoutMs: 7000 });
    expect(plain.list.settings).toMatchObject({
      strategy: 'weighted-shuffle',
      numRetries: 2,
      allowedFails: undefined,
      cooldownMs: 5000,
      maxFallbacks: 5,
      preCallChecks: true,
      tagFiltering: false,
      timeoutMs: 7000,
    });
  });

  it('comes together from all files', async () => {
    const built = await read(
      'groups: { chat: [openai/a] }\nrouter: { retries: 1, fallbacks: { chat: [more] } }',
      {},
      { one: 'groups: { more: [openai/b] }\nrouter: { fallbacks: { more: [chat] }, strategy: cost }' },
    );
    expect(built.faults).toEqual([]);
    expect([...built.list.groups.keys()]).toEqual(['chat', 'more']);
    expect([...built.list.settings.fallbacks.keys()]).toEqual(['chat', 'more']);
    expect(built.list.settings).toMatchObject({ numRetries: 1, strategy: 'cost' });
  });

  it.each([
    [
      'groups: { chat: [openai/a] }',
      'groups: { chat: [openai/b] }',
      { file: 'models/one.yaml', line: 5, message: 'the group "chat" stands in agent33.yaml:6 already' },
    ],
    [
      'groups: { chat: [{ id: x, model: openai/a }] }',
      'groups: { more: [{ id: x, model: openai/b }] }',
      {
        file: 'models/one.yaml',
        line: 5,
        field: 'groups.more.0.id',
        message: 'the id "x" stands in agent33.yaml:6 already',
      },
    ],
    [
      'groups: { chat: [openai/a] }\naliases: { fast: chat }',
      'groups: { more: [openai/b] }\naliases: { fast: more }',
      { file: 'models/one.yaml', line: 6, message: 'the alias "fast" stands in agent33.yaml:7 already' },
    ],
    [
      'router: { retries: 1 }',
      'router: { retries: 2 }',
      { file: 'models/one.yaml', line: 5, message: 'router.retries stands in agent33.yaml:6 already' },
    ],
    [
      'groups: { chat: [openai/a], b: [openai/b] }\nrouter: { fallbacks: { chat: [b] } }',
      'groups: { more: [openai/b] }\nrouter: { fallbacks: { chat: [more] } }',
      { file: 'models/one.yaml', line: 6, message: 'router.fallbacks.chat stands in agent33.yaml:7 already' },
    ],
  ])('tells what stands in two files: %s', async (project, router, fault) => {
    const built = await read(project, {}, { one: router });
    expect(built.faults).toHaveLength(1);
    expect(built.faults[0]).toMatchObject(fault);
    expect(built.list.groups.get('chat') ?? []).not.toContainEqual(expect.objectContaining({ model: 'b' }));
  });

  it('takes the same thing said twice for what it is', async () => {
    const built = await read('router: { retries: 1 }', {}, { one: 'router: { retries: 1 }' });
    expect(built.faults).toEqual([]);
  });

  it.each([
    [
      'groups: { chat: [openai/a] }\nrouter: { fallbacks: { chat: [chta] } }',
      7,
      '"chta" is no group, deployment or model — did you mean "chat"?',
    ],
    [
      'groups: { chat: [openai/a] }\nrouter: { fallbacks: { chta: [chat] } }',
      7,
      'there is no group "chta" — did you mean "chat"?',
    ],
    [
      'groups: { chat: [openai/a] }\nrouter: { default_fallbacks: [openia/gpt-5] }',
      7,
      '"openia/gpt-5" is no group, deployment or model — did you mean "openai"?',
    ],
    [
      'groups: { chat: [openai/a] }\naliases: { fast: llama3 }',
      7,
      '"llama3" is no group, deployment or model; a model outside the list is written provider/model',
    ],
    [
      'groups: { chat: [openai/a] }\nrouter: { group_retry_policies: { caht: { Timeout: 1 } } }',
      7,
      'there is no group "caht" — did you mean "chat"?',
    ],
    ['aliases: { a: b, b: c, c: a }', 6, 'the alias goes in circles: a → b → c → a'],
    ['aliases: { a: a }', 6, 'the alias goes in circles: a → a'],
  ])('tells what leads nowhere: %s', async (models, line, message) => {
    const built = await read(models, { providers: () => ['openai', 'ollama'] });
    expect(built.faults[0]).toMatchObject({ file: 'agent33.yaml', line, message });
    expect(built.list.settings.fallbacks.get('chat') ?? []).toEqual([]);
    expect(built.list.aliases.size).toBe(0);
  });

  it.each(['chat', 'a-1', 'gpt/four', 'gpt-5', 'openai/whatever', 'default', 'fast'])(
    'lets a fallback lead to %s',
    async (target) => {
      const built = await read(
        `groups: { chat: [{ id: a-1, model: openai/a }], gpt/*: [openai/*] }\naliases: { fast: chat }\nrouter: { default_fallbacks: [${target}] }`,
        { providers: () => ['openai'] },
      );
      expect(built.faults).toEqual([]);
      expect(built.list.settings.defaultFallbacks).toEqual([{ model: target }]);
    },
  );

  it('notes a provider that nobody brings, and prices of the project', async () => {
    const built = await read(
      'groups: { chat: [opnai/a, openai/b, { model: openai/c, price: { inputPerMillion: 9 } }] }\nprices: { openai/b: { inputPerMillion: 1, outputPerMillion: 2 } }',
      { providers: () => ['openai'] },
    );
    expect(built.list.notes.join('\n')).toMatch(
      /^agent33.yaml:6: the deployment "opnai-\w+" of "chat" cannot be called: there is no model provider "opnai" — did you mean "openai"\?$/,
    );
    expect(built.list.groups.get('chat')?.map((one) => one.price)).toEqual([
      undefined,
      { inputPerMillion: 1, outputPerMillion: 2 },
      { inputPerMillion: 9, outputPerMillion: 0 },
    ]);
  });
});

describe('the id of a deployment', () => {
  const idsOf = async (group: string): Promise<readonly string[]> => {
    const built = await read(`groups:\n  chat:\n${group.replaceAll(/^/gm, '    ')}`);
    return built.list.groups.get('chat')?.map((one) => one.id) ?? [];
  };

  it('stays when only limits, weights, prices, tags or literal keys change', async () => {
    const [before] = await idsOf('- { model: openai/a, api_key: sk-one, rpm: 1, weight: 2 }');
    const [after] = await idsOf(
      '- { model: openai/a, api_key: sk-two, rpm: 9, weight: 1, tags: [eu], price: { inputPerMillion: 1 } }',
    );
    expect(after).toBe(before);
    expect(before).toMatch(/^openai-[0-9a-f]{10}$/);
  });

  it('differs with the model, the address and the reference of the key, in whatever order they stand', async () => {
    const lines = [
      '- openai/a',
      '- openai/b',
      '- { model: openai/a, base_url: http://one }',
      '- { model: openai/a, api_key: os.environ/KEY_A }',
      '- { model: openai/a, api_key: os.environ/KEY_B }',
    ];
    const ids = await idsOf(lines.join('\n'));
    expect(new Set(ids).size).toBe(5);
    expect(await idsOf(lines.toReversed().join('\n'))).toEqual(ids.toReversed());
  });

  it('tells siblings apart that differ in little, and twins by their order', async () => {
    const lines = ['- { model: openai/a, order: 1 }', '- { model: openai/a, order: 2 }'];
    const ids = await idsOf(lines.join('\n'));
    expect(new Set(ids).size).toBe(2);
    expect(await idsOf(lines.toReversed().join('\n'))).toEqual(ids.toReversed());
    const [first = '', second] = await idsOf('- openai/a\n- openai/a');
    expect(second).toBe(`${first}-2`);
  });

  it('never shows a literal key', async () => {
    const ids = await idsOf('- { model: openai/a, api_key: sk-one }\n- { model: openai/a, api_key: sk-two }');
    const swapped = await idsOf(
      '- { model: openai/a, api_key: sk-two }\n- { model: openai/a, api_key: sk-one }',
    );
    expect(swapped).toEqual(ids);
  });
});
