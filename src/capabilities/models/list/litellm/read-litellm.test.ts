import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtFrom, modelListDeps, modelSources } from '../../../../testing/index.ts';
import { resolveTarget } from '../../router/resolve-target.ts';
import type { ModelListDeps } from '../create-model-list.ts';
import { readModelList } from '../model-list-source.ts';

const fixtures = path.join(import.meta.dirname, '../../../../../test/fixtures/litellm');
let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'agent33-litellm-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const readFixture = (name: string, environment: Record<string, string> = {}) =>
  readModelList(
    { definitions: [], litellm: `${name}.yaml` },
    { dir: fixtures, ...modelListDeps({ environment }) },
  );

async function readText(text: string, given: Partial<ModelListDeps> = {}) {
  await writeFile(path.join(dir, 'litellm.yaml'), text);
  return readModelList({ definitions: [], litellm: 'litellm.yaml' }, { dir, ...modelListDeps(given) });
}

type Built = Awaited<ReturnType<typeof readText>>;

/** One entry of `model_list`, its parameters as a flow map. */
const readOne = (params: string, given: Partial<ModelListDeps> = {}, more = '') =>
  readText(`model_list:\n  - model_name: m\n    litellm_params: { ${params} }\n${more}`, given);

function only(built: Built) {
  const [deployment] = built.list.groups.get('m') ?? [];
  if (deployment === undefined) throw new Error(`left out: ${built.list.notes.join('; ')}`);
  return deployment;
}

function callOf(built: Built): { kind: string; settings: Readonly<Record<string, unknown>> } | string {
  try {
    const { kind, settings } = builtFrom(only(built));
    return { kind, settings };
  } catch (error) {
    return String(error);
  }
}

describe('a configuration with tiers', () => {
  it('is read with what it says, and what is not used is told with its place', async () => {
    const { list, faults, hosts } = await readFixture('tiers', {
      OPENAI_API_KEY: 'sk-o',
      VLLM_URL: 'http://vllm:8000/v1',
    });
    expect(faults).toEqual([]);
    expect(hosts).toEqual(['gpu-box.lan:11434', 'vllm:8000']);
    expect(list.groups.get('quick')).toMatchObject([
      {
        providerKind: 'ollama',
        model: 'llama3.2:3b',
        limits: { rpm: 60 },
        timeouts: { totalMs: 30_000, firstTokenMs: 5000 },
        params: { num_ctx: 8192, keep_alive: '10m' },
      },
    ]);
    expect(list.groups.get('thorough')).toMatchObject([
      {
        providerKind: 'vllm',
        model: 'Qwen/Qwen3-32B',
        limits: { parallel: 8 },
        contextWindow: 32_768,
        maxOutputTokens: 4096,
      },
    ]);
    expect(list.groups.get('cloud')).toMatchObject([
      {
        providerKind: 'openai',
        model: 'gpt-5-mini',
        limits: { rpm: 200 },
        price: { inputPerMillion: 0.25, outputPerMillion: 2, cachedInputPerMillion: 0.025 },
        // What the router says for all.
        timeouts: { totalMs: 45_000 },
      },
    ]);
    expect(list.settings).toMatchObject({
      strategy: 'usage',
      // router_settings stand above litellm_settings.
      numRetries: 3,
      allowedFails: 3,
      cooldownMs: 60_000,
      defaultFallbacks: [{ model: 'cloud' }],
      preCallChecks: false,
      // Each of four attempts has 45 s.
      timeoutMs: 180_000,
    });
    expect([...list.settings.fallbacks]).toEqual([
      ['quick', [{ model: 'thorough' }, { model: 'cloud' }]],
      ['thorough', [{ model: 'cloud' }]],
    ]);
    expect(list.notes).toEqual([
      'tiers.yaml:19: of "thorough" not used: model_info.supports_function_calling',
      'tiers.yaml:53: general_settings: master_key not used; keys are made with "agent33 keys create"',
      'tiers.yaml:54: general_settings: database_url not used; set DATABASE_URL',
      'tiers.yaml:55: general_settings: store_model_in_db not used',
      'tiers.yaml:37: router_settings: redis_host, redis_password not used; set REDIS_URL',
      'tiers.yaml:43: litellm_settings: drop_params, set_verbose, success_callback not used',
    ]);
  });
});

describe('a configuration with regions', () => {
  it('is read with anchors, tags, policies and aliases', async () => {
    const { list, faults } = await readFixture('regions', {
      AZURE_WEST: 'w',
      AZURE_NORTH: 'n',
      AZURE_US: 'u',
      AZURE_US_BASE: 'https://us.openai.azure.com',
    });
    expect(faults).toEqual([]);
    expect(list.groups.get('gpt-4o')).toMatchObject([
      {
        id: 'west',
        providerKind: 'azure',
        model: 'gpt-4o-west',
        weight: 9,
        order: 1,
        limits: { tpm: 240_000, rpm: 1440 },
        tags: ['eu', 'paid'],
        region: 'eu',
        // By its base model.
        price: { inputPerMillion: 2.5, outputPerMillion: 10 },
      },
      {
        id: 'north',
        cooldownMs: 90_000,
        limits: { budgets: [{ usd: 20, period: 86_400_000 }] },
        mode: 'chat',
      },
      {
        model: 'gpt-4o-us',
        weight: undefined,
        order: 2,
        tags: ['us', 'default'],
        tagRegex: ['^User-Agent: batch/'],
      },
    ]);
    const settings = list.groups.get('gpt-4o')?.map((one) => builtFrom(one).settings);
    expect(settings).toMatchObject([
      { api_key: 'w', base_url: 'https://west.openai.azure.com/', api_version: '2024-10-21' },
      { api_key: 'n', base_url: 'https://north.openai.azure.com/' },
      { api_key: 'u', base_url: 'https://us.openai.azure.com', headers: { 'x-team': 'research' } },
    ]);
    expect(list.groups.get('embed')?.[0]?.mode).toBe('embedding');
    expect([...list.aliases]).toEqual([
      ['gpt-4', 'gpt-4o'],
      ['legacy', 'gpt-4o'],
    ]);
    expect(list.settings).toMatchObject({
      strategy: 'latency',
      preCallChecks: true,
      tagFiltering: true,
      tagMatchAll: true,
      retryAfterMs: 2000,
      maxFallbacks: 3,
      retryPolicy: { Authentication: 0, RateLimit: 4 },
      groupRetryPolicies: new Map([['gpt-4o', { Timeout: 1, Default: 2 }]]),
      allowedFailsPolicy: { RateLimit: 100, InternalServer: 20 },
      contentPolicyFallbacks: new Map([['gpt-4o', [{ model: 'gpt-4o', params: { temperature: 0 } }]]]),
    });
    expect(list.notes).toEqual([
      'regions.yaml:62: SomethingElseRetries is not used',
      'regions.yaml:68: content_policy_fallbacks: api_key of a fallback are not used; make it an entry of model_list',
      'regions.yaml:58: "hidden" of the alias "legacy" is not used',
      'regions.yaml:32: of "gpt-4o" not used: weight',
      expect.stringMatching(/^regions.yaml:\d+: shared: api_version, region_name, tags not used$/),
      'regions.yaml:50: router_settings: routing_strategy_args not used',
      'regions.yaml:69: there is no group "gtp-4o" — did you mean "gpt-4o"?; left out',
    ]);
  });
});

describe('a configuration with many providers', () => {
  it('finds each one, with the credentials that are meant for it', async () => {
    const { list, faults, hosts } = await readFixture('many-providers', {
      OPENAI_API_KEY: 'sk-o',
      ANTHROPIC_API_KEY: 'sk-a',
      GEMINI_API_KEY: 'g',
      TEAM_AWS_ID: 'aws-id',
      TEAM_AWS_SECRET: 'aws-secret',
      PERPLEXITYAI_API_KEY: 'pplx',
    });
    expect(faults).toEqual([]);
    expect(hosts).toEqual(['api.perplexity.ai:443', 'proxy.internal:8080']);
    const call = (name: string) => {
      const [one] = resolveTarget(name, list).deployments;
      try {
        const { kind, settings } = builtFrom(one);
        const { timeout_ms: timeoutMs, ...place } = settings as Record<string, unknown>;
        expect(timeoutMs).toBe(30_000);
        return [kind, one?.model, place];
      } catch (error) {
        return String(error);
      }
    };
    expect(call('openai/gpt-5')).toEqual(['openai', 'gpt-5', { api_key: 'sk-o' }]);
    expect(call('claude-opus-4-5')).toEqual(['anthropic', 'claude-opus-4-5', { api_key: 'sk-a' }]);
    expect(call('sonnet')).toEqual([
      'bedrock',
      'us.anthropic.claude-sonnet-4-5-v1:0',
      { aws_access_key_id: 'aws-id', aws_secret_access_key: 'aws-secret', aws_region_name: 'us-east-1' },
    ]);
    expect(call('flash')).toEqual(['google', 'gemini-2.5-flash', { api_key: 'g' }]);
    expect(call('vertex-flash')).toContain('Vertex AI with credentials of a project is not supported');
    expect(call('llama')).toEqual(['groq', 'llama-3.3-70b-versatile', { api_key: 'gsk-from-the-file' }]);
    expect(call('search')).toEqual([
      'openai-compatible',
      'sonar',
      { api_key: 'pplx', base_url: 'https://api.perplexity.ai' },
    ]);
    expect(call('hosted')).toContain('LiteLLM\'s provider "sagemaker" has no counterpart here');
    expect(call('proxied')).toEqual([
      'openai-compatible',
      'my-own-name',
      { api_key: 'sk-literal-secret', base_url: 'http://proxy.internal:8080/v1' },
    ]);
    // Each name finds its own provider, with nothing but what the environment has for that.
    expect(call('mistral/mistral-large')).toEqual(['mistral', 'mistral-large', {}]);
    expect(resolveTarget('nobody/knows', list)).toMatchObject({ by: 'none' });
    expect(list.groups.get('included')).toMatchObject([
      { providerKind: 'deepseek', params: { max_tokens: 1000 }, timeouts: { totalMs: 30_000 } },
    ]);
    expect(list.groups.get('proxied')?.[0]?.params).toEqual({ reasoning_effort: 'low' });
    expect(list.notes.filter((note) => note.includes('left out'))).toEqual([
      'many-providers.yaml:39: left out: an entry needs model_name and litellm_params.model',
      'many-providers.yaml:40: left out: an entry of model_list is a map',
    ]);
    expect(JSON.stringify([list.notes, list.groups.get('proxied')])).not.toContain('sk-literal-secret');
  });
});

describe('a model of LiteLLM', () => {
  it.each([
    ['openai/gpt-5', 'openai', 'gpt-5'],
    ['gpt-5', 'openai', 'gpt-5'],
    ['o3-mini', 'openai', 'o3-mini'],
    ['ft:gpt-4o:org', 'openai', 'ft:gpt-4o:org'],
    ['text-embedding-3-small', 'openai', 'text-embedding-3-small'],
    ['claude-sonnet-4-5', 'anthropic', 'claude-sonnet-4-5'],
    ['anthropic/claude-sonnet-4-5', 'anthropic', 'claude-sonnet-4-5'],
    ['azure/my-deployment', 'azure', 'my-deployment'],
    ['gemini/gemini-2.5-pro', 'google', 'gemini-2.5-pro'],
    ['bedrock/anthropic.claude-3', 'bedrock', 'anthropic.claude-3'],
    ['bedrock/invoke/meta.llama3', 'bedrock', 'meta.llama3'],
    ['together_ai/meta-llama/Llama-3-70b', 'together', 'meta-llama/Llama-3-70b'],
    ['openrouter/anthropic/claude-3.5', 'openrouter', 'anthropic/claude-3.5'],
    ['deepseek/deepseek-chat', 'deepseek', 'deepseek-chat'],
    ['xai/grok-4', 'xai', 'grok-4'],
    ['groq/llama3', 'groq', 'llama3'],
    ['mistral/mistral-large', 'mistral', 'mistral-large'],
    ['hosted_vllm/facebook/opt', 'vllm', 'facebook/opt'],
    ['ollama/llama3', 'ollama', 'llama3'],
    ['ollama_chat/llama3', 'ollama', 'llama3'],
    ['lm_studio/qwen', 'lmstudio', 'qwen'],
    ['cohere/command-r', 'cohere', 'command-r'],
    ['command-r-plus', 'cohere', 'command-r-plus'],
    ['jina_ai/jina-embeddings-v3', 'jina', 'jina-embeddings-v3'],
    ['mine/own-model', 'mine', 'own-model'],
  ])('%s is asked of %s', async (model, kind, name) => {
    const built = await readOne(`model: "${model}"`, { providers: () => ['mine', kind] });
    expect(only(built)).toMatchObject({ providerKind: kind, model: name });
    expect(callOf(built)).toMatchObject({ kind });
  });

  it.each([
    ['model: llama3, custom_llm_provider: groq', 'groq', 'llama3'],
    ['model: groq/llama3, custom_llm_provider: groq', 'groq', 'llama3'],
    ['model: openai/gpt-oss, custom_llm_provider: together_ai', 'together', 'openai/gpt-oss'],
    ['model: own, api_base: "http://h/v1"', 'openai-compatible', 'own'],
    ['model: meta-llama/Llama, api_base: "http://h/v1"', 'openai-compatible', 'meta-llama/Llama'],
    ['model: x, custom_llm_provider: nobody, api_base: "http://h/v1"', 'openai-compatible', 'x'],
  ])('with %s is asked of %s', async (params, kind, name) => {
    expect(only(await readOne(params))).toMatchObject({ providerKind: kind, model: name });
  });

  it.each([
    ['model: who-knows', 'no provider is known for the model "who-knows"'],
    ['model: gorq/llama', 'provider "gorq" has no counterpart here — did you mean "groq"?'],
    ['model: x, custom_llm_provider: grok', 'provider "grok" has no counterpart here'],
    ['model: cerebras/llama', 'neither api_key nor the environment variable CEREBRAS_API_KEY is set'],
    ['model: openai/a, api_key: os.environ/NOPE', 'the environment variable NOPE is not set'],
  ])('with %s fails when it is called', async (params, message) => {
    const built = await readOne(params);
    expect(built.faults).toEqual([]);
    expect(callOf(built)).toContain(message);
    expect(built.list.notes.join('\n')).toContain(message);
  });

  it('gets its region from its name or from region_name', async () => {
    expect(callOf(await readOne('model: bedrock/us-west-2/anthropic.claude-3'))).toMatchObject({
      settings: { aws_region_name: 'us-west-2' },
    });
    expect(
      callOf(await readOne('model: bedrock/anthropic.claude-3, region_name: eu-central-1')),
    ).toMatchObject({
      settings: { aws_region_name: 'eu-central-1' },
    });
  });

  it.each([
    // Environment's key and environment's address go together.
    [
      'model: azure/d',
      { AZURE_API_KEY: 'k', AZURE_API_BASE: 'https://e', AZURE_API_VERSION: 'v' },
      { api_key: 'k', base_url: 'https://e', api_version: 'v' },
    ],
    ['model: hosted_vllm/d', { HOSTED_VLLM_API_BASE: 'http://v/v1' }, { base_url: 'http://v/v1' }],
    [
      'model: litellm_proxy/d',
      { LITELLM_PROXY_API_BASE: 'http://p', LITELLM_PROXY_API_KEY: 'k' },
      { base_url: 'http://p', api_key: 'k' },
    ],
    // An address of the file gets no key of the environment.
    [
      'model: azure/d, api_base: "https://f"',
      { AZURE_API_KEY: 'k', AZURE_API_BASE: 'https://e' },
      { base_url: 'https://f' },
    ],
    ['model: cerebras/d, api_base: "https://f"', { CEREBRAS_API_KEY: 'k' }, { base_url: 'https://f' }],
    ['model: openai/d, api_base: "https://f"', { OPENAI_API_KEY: 'k' }, { base_url: 'https://f' }],
  ])('%s with %j', async (params, environment, settings) => {
    const call = callOf(await readOne(params, { environment }));
    expect(call).toMatchObject({ kind: expect.any(String) as string });
    expect((call as { settings: object }).settings).toEqual(settings);
  });

  it('named by a pattern keeps its key to one provider', async () => {
    const built = await readText(
      'model_list:\n  - model_name: "*"\n    litellm_params: { model: "*", api_key: os.environ/OPENAI_API_KEY }',
      { environment: { OPENAI_API_KEY: 'sk-o' } },
    );
    const kinds = ['groq/llama', 'gpt-5', 'evil/x'].map(
      (name) => resolveTarget(name, built.list).deployments[0]?.providerKind,
    );
    expect(kinds).toEqual(['openai', 'openai', 'openai']);
    expect(built.list.notes[0]).toContain('so that the key goes nowhere else');
  });
});

describe('settings of LiteLLM', () => {
  it.each([
    ['simple-shuffle', 'weighted-shuffle'],
    ['least-busy', 'least-busy'],
    ['usage-based-routing', 'usage'],
    ['usage-based-routing-v2', 'usage'],
    ['latency-based-routing', 'latency'],
    ['cost-based-routing', 'cost'],
    ['provider-budget-routing', 'weighted-shuffle'],
    ['constructor', 'weighted-shuffle'],
  ])('strategy %s is %s', async (written, strategy) => {
    const { list } = await readText(`router_settings: { routing_strategy: ${written} }`);
    expect(list.settings.strategy).toBe(strategy);
    expect(list.notes.length).toBe(/budget|constructor/.test(written) ? 1 : 0);
  });

  it.each([
    ['temperature: 0.3, top_p: 1', { params: { temperature: 0.3, top_p: 1 } }, []],
    ['max_tokens: 100', { params: { max_tokens: 100 } }, []],
    ['rpm: os.environ/RPM', { limits: { rpm: 7 } }, []],
    ['rpm: many', { limits: {} }, ['rpm is not used: expected a number that is not negative']],
    ['rpm: -1', { limits: {} }, ['rpm is not used: expected a number that is not negative']],
    ['rpm: 99999999999', { limits: { rpm: 1_000_000_000 } }, []],
    ['timeout: "12"', { timeouts: { totalMs: 12_000 } }, []],
    ['timeout: os.environ/NOPE', { timeouts: {} }, ['timeout: the environment variable NOPE is not set']],
    ['max_retries: 4', { numRetries: 4 }, []],
    ['num_retries: 1, max_retries: 4', { numRetries: 1 }, []],
    ['max_budget: 3', { limits: { budgets: [{ usd: 3, period: 'total' }] } }, []],
    ['max_budget: 3, budget_duration: 1mo', { limits: { budgets: [{ usd: 3, period: 'month' }] } }, []],
    ['max_budget: 3, budget_duration: soon', { limits: {} }, ['max_budget is not used: "soon" is no period']],
    [
      'tags: [a, 3]',
      { tags: ['a'] },
      ['tags is not used: expected texts (those that are none are left out)'],
    ],
    ['tags: a', { tags: ['a'] }, []],
    ['mock_response: hi, drop_params: true', { params: {} }, ['of "m" not used: mock_response, drop_params']],
    ['input_cost_per_second: 1', { params: {} }, ['of "m" not used: input_cost_per_second']],
    [
      'my_secret_token: x, some_password: y',
      { params: {} },
      ['of "m" not used: my_secret_token, some_password'],
    ],
    ['input_cost_per_token: 3e-6', { price: { inputPerMillion: 3, outputPerMillion: 0 } }, []],
    ['input_cost_per_token: "0.0000001"', { price: { inputPerMillion: 0.1, outputPerMillion: 0 } }, []],
    [
      'input_cost_per_token: 1e-6, input_cost_per_token_above_200k_tokens: 2e-6, output_cost_per_token_above_200k_tokens: 3e-6',
      {
        price: {
          inputPerMillion: 1,
          tiers: [{ aboveInputTokens: 200_000, inputPerMillion: 2, outputPerMillion: 3 }],
        },
      },
      [],
    ],
    ['base_url: "http://h", api_base: "http://h"', { params: {} }, []],
    ['extra_headers: [x]', {}, ['extra_headers is not used: expected a map']],
  ])('%s', async (params, expected, notes) => {
    const built = await readOne(`model: openai/a, ${params}`, { environment: { RPM: '7' } });
    expect(only(built)).toMatchObject(expected);
    if ('params' in expected) expect(only(built).params).toEqual(expected.params);
    if ('limits' in expected) expect(only(built).limits).toEqual(expected.limits);
    expect(built.list.notes).toEqual(notes.map((note) => `litellm.yaml:3: ${note}`));
  });

  it.each([
    ['{ id: 17 }', { id: '17' }],
    ['{ id: "no spaces" }', { id: expect.stringMatching(/^openai-/) }],
    ['{ mode: chat }', { mode: 'chat' }],
    ['{ mode: responses }', { mode: 'chat' }],
    ['{ mode: completion }', { mode: undefined }],
    ['{ mode: image_generation }', { mode: 'image_generation' }],
    ['{ max_tokens: 10 }', { maxOutputTokens: 10 }],
    ['{ max_tokens: 10, max_output_tokens: 20 }', { maxOutputTokens: 20 }],
    [
      '{ input_cost_per_token: 0.000001, output_cost_per_token: 0.000002 }',
      { price: { inputPerMillion: 1, outputPerMillion: 2 } },
    ],
  ])('model_info %s', async (info, expected) => {
    expect(only(await readOne('model: openai/a', {}, `    model_info: ${info}\n`))).toMatchObject(expected);
  });

  it('give way to those of agent33.yaml, and groups must not stand in both', async () => {
    await writeFile(
      path.join(dir, 'litellm.yaml'),
      'model_list:\n  - { model_name: chat, litellm_params: { model: openai/a } }\n  - { model_name: other, litellm_params: { model: openai/b } }\nrouter_settings: { num_retries: 9, cooldown_time: 9 }\n',
    );
    const built = await readModelList(
      modelSources(
        'litellm: litellm.yaml\ngroups: { chat: [openai/own] }\naliases: { o: other }\nrouter: { retries: 1, default_fallbacks: [other] }\n',
      ),
      { dir, ...modelListDeps() },
    );
    expect(built.faults).toEqual([
      {
        file: 'litellm.yaml',
        line: 2,
        column: 5,
        field: 'groups.chat',
        message: 'the group "chat" stands in agent33.yaml:7 already',
      },
    ]);
    expect(built.list.groups.get('chat')).toMatchObject([{ model: 'own' }]);
    expect(built.list.settings).toMatchObject({
      numRetries: 1,
      cooldownMs: 9000,
      defaultFallbacks: [{ model: 'other' }],
    });
    expect(built.list.notes).toEqual(['litellm.yaml:4: retries is not used, agent33.yaml:9 says otherwise']);
  });
});

describe('a file', () => {
  it.each([
    ['model_list: [', { file: 'litellm.yaml', line: 1 }],
    ['a: b: c', { file: 'litellm.yaml', line: 1 }],
    ['- a list', { file: 'litellm.yaml', line: 1, message: 'expected a map with model_list' }],
    ['&a [*a]', { file: 'litellm.yaml' }],
    [`a: ${'['.repeat(5000)}`, { file: 'litellm.yaml' }],
  ])('that is none is a fault: %.20s', async (text, fault) => {
    const { faults, list } = await readText(text);
    expect(faults).toMatchObject([fault]);
    expect(list.groups.size).toBe(0);
  });

  it('that is missing is a fault, one that is included a note', async () => {
    const missing = await readModelList(
      { definitions: [], litellm: 'nope.yaml' },
      { dir, ...modelListDeps() },
    );
    expect(missing.faults).toEqual([{ file: 'nope.yaml', message: 'there is no such file' }]);
    const { list, faults } = await readText('include: [nope.yaml, litellm.yaml, 3]\nmodel_list: []');
    expect(faults).toEqual([]);
    expect(list.notes).toEqual([
      'litellm.yaml:1: include: nope.yaml: there is no such file',
      'litellm.yaml:1: include: this file is read already',
      'litellm.yaml:1: include: expected the name of a file',
    ]);
  });

  it('that is empty has nothing to say', async () => {
    for (const text of ['', '# only a comment', 'model_list:', '{}']) {
      const { list, faults } = await readText(text);
      expect([faults, list.groups.size, list.notes]).toEqual([[], 0, []]);
    }
  });
});

it('takes over what model_info says of the tags of a whole group', async () => {
  const entry = (name: string, info: string): string =>
    `  - { model_name: ${name}, litellm_params: { model: openai/gpt-4o, tags: [a] }, model_info: { ${info} } }\n`;
  const built = await readText(
    `model_list:\n${entry('strict', 'mode: chat')}${entry('strict', 'enable_tag_filtering: true, allow_fail_open: true')}${entry('open', 'enable_tag_filtering: false')}${entry('plain', 'mode: chat')}router_settings: { enable_tag_filtering: true }\n`,
  );
  expect(built.faults).toEqual([]);
  expect(built.list.notes.filter((note) => note.includes('not used'))).toEqual([]);
  expect(Object.fromEntries(built.list.settings.groupTags)).toEqual({
    strict: { tagFiltering: true, tagFailOpen: true },
    open: { tagFiltering: false },
  });
});
