import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { definitionKinds } from '../../../protocol/index.ts';
import { modelListDeps } from '../../../testing/index.ts';
import { resolveTarget } from '../router/resolve-target.ts';
import { readModelList } from './model-list-source.ts';

// Hundreds of inputs each; a busy machine takes its time.
vi.setConfig({ testTimeout: 120_000 });

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'agent33-any-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const placed = /^(?:\S+\.yaml(?::\d+)?: |\S+ goes to several hosts)/;

async function readFile(text: string) {
  await writeFile(path.join(dir, 'any.yaml'), text);
  const built = await readModelList(
    { definitions: [], litellm: 'any.yaml' },
    { dir, ...modelListDeps({ providers: () => ['openai'], environment: { SET: 'value' } }) },
  );
  for (const fault of built.faults) expect(fault.file).toBe('any.yaml');
  for (const note of built.list.notes) expect(note).toMatch(placed);
  for (const deployment of built.list.deployments.values()) {
    expect(deployment.id).toMatch(/^[\x21-\x7e]{1,140}$/);
    try {
      deployment.provider();
    } catch (error) {
      expect(error).toMatchObject({ code: 'model_unavailable' });
    }
  }
  return built;
}

/** Words that a configuration is made of, so that more than its surface is reached. */
const word = fc.constantFrom(
  'model_list',
  'model_name',
  'litellm_params',
  'model_info',
  'model',
  'api_key',
  'api_base',
  'router_settings',
  'litellm_settings',
  'general_settings',
  'fallbacks',
  'context_window_fallbacks',
  'default_fallbacks',
  'num_retries',
  'retry_policy',
  'RateLimitErrorRetries',
  'model_group_alias',
  'model_group_retry_policy',
  'routing_strategy',
  'rpm',
  'tags',
  'timeout',
  'mode',
  'id',
  'include',
  'credential_list',
  'credential_name',
  'credential_values',
  'chat',
  '*',
  'openai/*',
  'openai/gpt-5',
  'os.environ/SET',
  'os.environ/NOPE',
  'secret:a:b',
  'simple-shuffle',
  'environment_variables',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'max_budget',
  'budget_duration',
  'extra_headers',
  'weight',
);
const scalar = fc.oneof(word, fc.string(), fc.integer(), fc.double(), fc.boolean(), fc.constant(null));
const tree = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    scalar,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(word, fc.string({ maxLength: 5 })), tie('value'), { maxKeys: 5 }),
  ),
})).value;
const entry = fc.record(
  { model_name: scalar, litellm_params: fc.dictionary(word, scalar, { maxKeys: 8 }), model_info: tree },
  { requiredKeys: [] },
);
const configuration = fc.record(
  {
    model_list: fc.oneof(fc.array(entry, { maxLength: 5 }), tree),
    router_settings: fc.oneof(fc.dictionary(word, tree, { maxKeys: 8 }), tree),
    litellm_settings: fc.oneof(fc.dictionary(word, tree, { maxKeys: 8 }), tree),
    environment_variables: tree,
    credential_list: tree,
    include: tree,
  },
  { requiredKeys: [] },
);

it('reads any text without failing, and every fault and note names its place', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: 'binary', maxLength: 300 }),
      async (text) => void (await readFile(text)),
    ),
    {
      numRuns: 100,
    },
  );
});

it('reads anything that looks like a configuration without failing', async () => {
  await fc.assert(
    fc.asyncProperty(configuration, fc.string(), async (value, name) => {
      const { list } = await readFile(stringify(value, { aliasDuplicateObjects: false }));
      for (const asked of [name, 'chat', 'openai/gpt-5', '*', '__proto__', 'constructor'])
        expect(
          resolveTarget(asked, list).deployments.every(
            (one) => one.forName === undefined || one.model.includes('*'),
          ),
        ).toBe(true);
    }),
    { numRuns: 200 },
  );
});

it('takes whatever the schema of our own files takes', async () => {
  const name = fc.constantFrom(
    'chat',
    'openai/*',
    '*',
    '__proto__',
    'constructor',
    'a b',
    'openai/gpt-5',
    'nobody',
  );
  const model = fc.constantFrom('openai/a', 'openai/*', 'nobody/b', 'x/*/y*', '*/*');
  const deployment = fc.oneof(
    model,
    fc.record(
      {
        model,
        id: fc.constantFrom('one', 'chat', '__proto__'),
        apiKey: fc.oneof(word, fc.string({ minLength: 1 })),
        baseUrl: fc.oneof(fc.webUrl(), fc.string({ minLength: 1 })),
        params: fc.dictionary(word, tree),
        config: fc.dictionary(word, tree),
        headers: fc.dictionary(word, fc.string()),
      },
      { requiredKeys: ['model'] },
    ),
  );
  const targets = fc.array(fc.oneof(name, fc.record({ model: name, params: fc.dictionary(word, tree) })), {
    maxLength: 3,
  });
  const spec = fc.record(
    {
      groups: fc.dictionary(name, fc.array(deployment, { minLength: 1, maxLength: 3 }), { maxKeys: 4 }),
      aliases: fc.dictionary(name, name, { maxKeys: 4 }),
      router: fc.record(
        {
          fallbacks: fc.dictionary(name, targets),
          defaultFallbacks: targets,
          groupRetryPolicies: fc.dictionary(name, fc.constant({ RateLimit: 1 })),
        },
        { requiredKeys: [] },
      ),
    },
    { requiredKeys: [] },
  );
  let valid = 0;
  await fc.assert(
    fc.asyncProperty(spec, async (given) => {
      const definition = {
        apiVersion: 'agent33/v1',
        kind: 'ModelRouter',
        metadata: { name: 'x' },
        spec: given,
      };
      const parsed = definitionKinds.ModelRouter.schema.safeParse(definition);
      if (!parsed.success) return;
      valid += 1;
      const built = await readModelList(
        {
          definitions: [{ file: 'models/x.yaml', spec: parsed.data.spec, path: ['spec'] }],
          litellm: undefined,
        },
        { dir, ...modelListDeps({ providers: () => ['openai'] }) },
      );
      for (const fault of built.faults) expect(fault.file).toBe('models/x.yaml');
      for (const note of built.list.notes) expect(note).toMatch(placed);
    }),
    { numRuns: 200 },
  );
  expect(valid).toBeGreaterThan(100);
});
