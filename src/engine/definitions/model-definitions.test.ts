import { describe, expect, it } from 'vitest';
import { parseDefinitions } from './parse-definition.ts';

const project = (models: string): string =>
  `apiVersion: agent33/v1\nkind: Project\nmetadata: { name: p }\nspec:\n  models:\n${models.replaceAll(/^/gm, '    ')}\n`;
const faults = (text: string) =>
  parseDefinitions('agent33.yaml', text).problems.map(
    ({ line, field, message }) => `${line} ${field}: ${message}`,
  );

describe('the model list of a definition', () => {
  it('keeps names as they are written, and reads fields in both spellings', () => {
    const { definitions, problems } = parseDefinitions(
      'models/x.yaml',
      `apiVersion: agent33/v1
kind: ModelRouter
metadata: { name: x }
spec:
  groups:
    my_group:
      - { model: openai/a_b, base_url: "http://h", max_parallel: 3, params: { max_tokens: 5, a_b: { c_d: 1 } }, headers: { x_y: z }, config: { aws_region_name: e } }
  aliases: { fast_one: my_group }
  router:
    group_retry_policies: { my_group: { RateLimit: 1 } }
    fallbacks: [{ my_group: [{ model: my_group, params: { top_p: 1 } }] }]
    context_window_fallbacks: { my_group: my_group }
`,
    );
    expect(problems).toEqual([]);
    expect(definitions[0]?.spec).toMatchObject({
      groups: {
        my_group: [
          {
            provider: 'openai',
            model: 'a_b',
            baseUrl: 'http://h',
            maxParallel: 3,
            params: { max_tokens: 5, a_b: { c_d: 1 } },
            headers: { x_y: 'z' },
            config: { aws_region_name: 'e' },
          },
        ],
      },
      aliases: { fast_one: 'my_group' },
      router: {
        groupRetryPolicies: { my_group: { RateLimit: 1 } },
        fallbacks: { my_group: [{ model: 'my_group', params: { top_p: 1 } }] },
        contextWindowFallbacks: { my_group: [{ model: 'my_group', params: {} }] },
      },
    });
  });

  it.each([
    [
      'groups: { chat: [{ model: openai/a, wieght: 3 }] }',
      '6 spec.models.groups.chat.0.wieght: unknown field "wieght" — did you mean "weight"?',
    ],
    [
      'groups: { chat: [{ model: openai/a, base_ulr: x }] }',
      '6 spec.models.groups.chat.0.baseUlr: unknown field "base_ulr" — did you mean "base_url"?',
    ],
    [
      'groups: { chat: [gpt-5] }',
      '6 spec.models.groups.chat.0: "gpt-5" names no provider; write "provider/model", or provider and model apart',
    ],
    [
      'groups: { chat: [{ model: openai/a, timeouts: { first_token: soon } }] }',
      '6 spec.models.groups.chat.0.timeouts.firstToken: expected a duration such as "30s", "2m" or "1h30m"',
    ],
    [
      'groups: { chat: [{ model: openai/a, id: "a b" }] }',
      '6 spec.models.groups.chat.0.id: expected 1 to 128 printable ASCII characters without spaces',
    ],
    [
      'groups: { chat: [{ model: openai/a, budgets: [{ usd: 1, period: fortnight }] }] }',
      '6 spec.models.groups.chat.0.budgets.0.period: expected a period such as "1h", "1d", "1w", "month" or "total"',
    ],
    [
      'router: { strategy: leastbusy }',
      '6 spec.models.router.strategy: expected one of "weighted-shuffle", "least-busy", "usage", "latency", "cost", "order", "simple-shuffle", "usage-based-routing", "usage-based-routing-v2", "latency-based-routing", "cost-based-routing" — did you mean "least-busy"?',
    ],
    [
      'router: { retry_policy: { RatLimit: 3 } }',
      '6 spec.models.router.retryPolicy.RatLimit: unknown field "RatLimit" — did you mean "RateLimit"?',
    ],
    [
      'router: { fallbacks: [{ a: b }, { a: c }] }',
      '6 spec.models.router.fallbacks.1.a: "a" stands here twice',
    ],
    ['rooter: {}', '6 spec.models.rooter: unknown field "rooter" — did you mean "router"?'],
    ['groups: { chat: openai/a }', '6 spec.models.groups.chat: expected array, received string'],
    [
      'groups: { chat: [{ model: openai/a, max_parallel: 1, maxParallel: 2 }] }',
      '6 spec.models.groups.chat.0.maxParallel: given twice, as "max_parallel" and as "maxParallel"',
    ],
  ])('is refused with its place and the nearest name: %s', (models, fault) => {
    expect(faults(project(models))).toEqual([fault]);
  });

  it('is not a LiteLLM file, which is said', () => {
    expect(faults('model_list: []\n')).toEqual([
      '1 undefined: this is a LiteLLM configuration: name it in agent33.yaml as spec.models.litellm, outside this folder',
    ]);
  });
});

describe('a model list with a faulty deployment, as files are read', () => {
  const read = (models: string) => parseDefinitions('agent33.yaml', project(models), { partly: true });
  const text = `default: chat
groups:
  chat:
    - { id: "a b", model: openai/a }
    - { id: good, model: openai/b }
    - { model: openai/c, max_parallel: 1, maxParallel: 2 }
    - openai/d
  none: [gpt-5]
  backup: [openai/e]`;

  it('is read without it, each with its own place, and the fault is told', () => {
    const { definitions, problems, partial, locators } = read(text);
    expect(definitions[0]?.spec).toMatchObject({
      models: {
        default: 'chat',
        groups: { chat: [{ id: 'good' }, { model: 'd' }], backup: [{ model: 'e' }] },
      },
    });
    expect(definitions[0]?.spec).not.toMatchObject({
      models: { groups: { none: expect.anything() as unknown } },
    });
    expect(partial.has(definitions[0] as never)).toBe(true);
    expect(problems.map(({ line, field }) => `${line} ${field}`).toSorted()).toEqual([
      '11 spec.models.groups.chat.2.maxParallel',
      '13 spec.models.groups.none.0',
      '9 spec.models.groups.chat.0.id',
    ]);
    expect(locators[0]?.(['spec', 'models', 'groups', 'chat', 0])).toMatchObject({ line: 10 });
    expect(locators[0]?.(['spec', 'models', 'groups', 'chat', 1])).toMatchObject({ line: 12 });
    expect(locators[0]?.(['spec', 'models', 'default'])).toMatchObject({ line: 6 });
  });

  it('is refused whole where anything else is at fault too, or where nobody asked for a part', () => {
    expect(read(`${text}\nrooter: {}`)).toMatchObject({ definitions: [], problems: { length: 4 } });
    expect(parseDefinitions('agent33.yaml', project(text))).toMatchObject({ definitions: [] });
    expect(read('groups: { chat: [openai/a] }').partial.size).toBe(0);
  });
});
