import { describe, expect, it } from 'vitest';
import { modelListDeps, modelSources } from '../../../testing/index.ts';
import { readModelList } from '../list/index.ts';
import { fillPattern, sortedPatterns } from '../list/match-pattern.ts';
import { resolveTarget } from './resolve-target.ts';

const { list } = await readModelList(
  modelSources(`groups:
  chat: [openai/gpt-5, { id: second, model: openai/gpt-5-mini }]
  openai/*: [{ id: wild, model: openai/*, rpm: 5 }]
  openai/gpt-4*: [azure/gpt-4*]
  "*": [{ id: any, model: openrouter/* }]
  a/*/b: [openai/one-*]
  fixed-*: [openai/always]
  "*llama*": [{ model: "bedrock/x.llama*" }]
aliases: { fast: chat, faster: fast, loose: openai/o3, out: anthropic/claude-x }
`),
  { dir: '/nowhere', ...modelListDeps() },
);

const seen = (name: string) => {
  const { group, by, deployments, name: followed } = resolveTarget(name, list);
  return { group, by, name: followed, models: deployments.map((one) => `${one.providerKind} ${one.model}`) };
};

describe('a name', () => {
  it.each([
    ['chat', { by: 'group', group: 'chat', models: ['openai gpt-5', 'openai gpt-5-mini'] }],
    ['fast', { by: 'group', group: 'chat', name: 'chat' }],
    ['faster', { by: 'group', group: 'chat', name: 'chat' }],
    ['second', { by: 'deployment', group: 'chat', models: ['openai gpt-5-mini'] }],
    ['openai/o3', { by: 'pattern', group: 'openai/*', models: ['openai o3'] }],
    ['loose', { by: 'pattern', group: 'openai/*', name: 'openai/o3', models: ['openai o3'] }],
    // The most specific pattern comes first.
    ['openai/gpt-4o', { by: 'pattern', group: 'openai/gpt-4*', models: ['azure gpt-4o'] }],
    ['anthropic/claude-x', { by: 'pattern', group: '*', models: ['openrouter anthropic/claude-x'] }],
    ['out', { by: 'pattern', group: '*', name: 'anthropic/claude-x' }],
    ['a/middle/b', { by: 'pattern', group: 'a/*/b', models: ['openai one-middle'] }],
    ['fixed-whatever', { by: 'pattern', group: 'fixed-*', models: ['openai always'] }],
    // More parts than the deployment has places for: the name as it was asked for.
    ['my-llama-70b', { by: 'pattern', group: '*llama*', models: ['bedrock my-llama-70b'] }],
    // A pattern is no group to be called, nor is its deployment.
    ['openai/*', { by: 'pattern', models: ['openai *'] }],
    ['wild', { by: 'pattern', group: '*' }],
    ['', { by: 'pattern', group: '*' }],
  ])('%s', (name, expected) => {
    expect(seen(name)).toMatchObject(expected);
  });

  it('that stands in no list is left to the rules after it', async () => {
    const { list: small } = await readModelList(
      modelSources('groups: { "openai/*": [openai/*] }\naliases: { x: ollama/y }'),
      {
        dir: '/nowhere',
        ...modelListDeps(),
      },
    );
    expect(resolveTarget('ollama/llama3', small)).toEqual({
      name: 'ollama/llama3',
      group: 'ollama/llama3',
      deployments: [],
      by: 'none',
    });
    expect(resolveTarget('x', small)).toMatchObject({ name: 'ollama/y', by: 'none' });
    // LiteLLM knows these without their provider.
    expect(resolveTarget('gpt-4o', small)).toMatchObject({ group: 'openai/*', by: 'pattern' });
  });

  it('filled into a pattern keeps id, group and limits, and is the same each time', () => {
    const [one] = resolveTarget('openai/o3', list).deployments;
    expect(one).toMatchObject({ id: 'wild', group: 'openai/*', limits: { rpm: 5 } });
    expect(resolveTarget('openai/o3', list).deployments[0]).toBe(one);
    for (let index = 0; index < 3000; index += 1) resolveTarget(`openai/made-up-${index}`, list);
    expect(resolveTarget('openai/o3', list).deployments[0]).toMatchObject({ id: 'wild', model: 'o3' });
  });

  it('is matched in time that grows with it alone', () => {
    const [pattern] = sortedPatterns(['*a*a*a*a*a*a*a*a*a*a*a*a*b']);
    const started = performance.now();
    expect(pattern?.match('a'.repeat(20_000))).toBeUndefined();
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

it.each([
  ['openai/*', ['x'], 'name', 'openai/x'],
  ['fo::*::static::*', ['a', 'b'], 'name', 'fo::a::static::b'],
  ['*', ['a', 'b'], 'whole', 'whole'],
  ['none', [], 'whole', 'none'],
  ['a-*-*', ['x'], 'whole', 'a-x-*'],
])('%s is filled with %j', (model, captured, name, expected) => {
  expect(fillPattern(model, captured, name)).toBe(expected);
});
