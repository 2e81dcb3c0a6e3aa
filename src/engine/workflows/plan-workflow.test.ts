import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { workflowDefinition, type WorkflowSpec } from '../../protocol/index.ts';
import { createExpressions, type Expressions } from '../expressions/index.ts';
import { planWorkflow } from './plan-workflow.ts';

let expressions: Expressions;
beforeAll(async () => {
  expressions = await createExpressions();
});

const spec = (steps: readonly unknown[]): WorkflowSpec =>
  workflowDefinition.parse({
    apiVersion: 'agent33/v1',
    kind: 'Workflow',
    metadata: { name: 'w' },
    spec: { steps },
  }).spec;

const plan = (steps: readonly unknown[]) => planWorkflow(spec(steps), expressions);
const step = (id: string, more: object = {}) => ({ id, action: 'transform', inputs: {}, ...more });
const reads = (...ids: string[]) => ({
  inputs: { template: ids.map((id) => `{{ steps.${id}.output }}`).join(' ') },
});
const dependenciesOf = (made: ReturnType<typeof plan>, id: string) => made.plan.steps.get(id)?.dependencies;

describe('the graph of a workflow', () => {
  it('has what steps depend on and what their expressions name, each once', () => {
    const made = plan([
      step('c', { ...reads('a', 'b', 'a'), dependsOn: ['b'], when: 'steps.d.status == "done"' }),
      step('a'),
      step('b', reads('a')),
      step('d', {
        forEach: '{{ steps["a"].output.items }}',
        approval: { title: '{{ steps.b.output.title }}' },
      }),
    ]);
    expect(made.faults).toEqual([]);
    expect(dependenciesOf(made, 'c')).toEqual(['b', 'd', 'a']);
    expect(dependenciesOf(made, 'd')).toEqual(['a', 'b']);
    expect(made.plan.order).toEqual(['a', 'b', 'd', 'c']);
    expect([...made.plan.downstream('b')].toSorted()).toEqual(['c', 'd']);
    expect(made.plan.steps.get('d')?.path).toEqual(['spec', 'steps', 3]);
  });

  it.each([
    ['a condition', step('b', { action: 'conditional', inputs: { condition: 'steps.a.output > 1' } })],
    ['an expression', step('b', { inputs: { expression: 'steps.a.output + 1' } })],
    ['JSONata', step('b', { inputs: { jsonata: '$sum(steps.a.output.items.price)' } })],
    [
      'a rule',
      step('b', {
        action: 'validate',
        inputs: { value: 1, rules: [{ condition: 'value < steps.a.output', message: 'x' }] },
      }),
    ],
    ['a nested value', step('b', { inputs: { input: { deep: ['x {{ steps.a.output }}'] } } })],
    ['a list to loop over', step('b', { forEach: ['{{ steps.a.output }}', 2] })],
    ['a bare list to loop over', step('b', { forEach: 'steps.a.output.items' })],
    ['the end of a loop', step('b', { repeatUntil: 'output > steps.a.output' })],
  ])('sees a step in %s', (_name, second) => {
    const made = plan([second, step('a')]);
    expect(made.faults).toEqual([]);
    expect(dependenciesOf(made, 'b')).toEqual(['a']);
  });

  it('is not misled by texts, comments and what is undone later', () => {
    const made = plan([
      step('a', { compensate: { action: 'transform', inputs: { template: '{{ steps.b.output }}' } } }),
      step('b', {
        inputs: {
          template: `steps.x {{ "steps.y.output" }} {# {{ steps.z }} #}{% raw %}{{ steps.w }}{% endraw %}{{ steps.a.output }}`,
        },
      }),
      step('loop', { repeatUntil: 'steps.loop.output > 3' }),
    ]);
    expect(made.faults).toEqual([]);
    expect(made.plan.order).toEqual(['a', 'loop', 'b']);
  });

  it('has a group wait in place of those outside that name its inner steps', () => {
    const made = plan([
      step('after', reads('inner2')),
      step('group', {
        action: 'parallel_group',
        steps: [step('inner1', reads('before')), step('inner2', reads('inner1'))],
      }),
      step('before'),
    ]);
    expect(made.faults).toEqual([]);
    expect(dependenciesOf(made, 'after')).toEqual(['group']);
    expect(dependenciesOf(made, 'inner1')).toEqual(['before']);
    expect(dependenciesOf(made, 'inner2')).toEqual(['inner1']);
    expect(made.plan.steps.get('inner2')).toMatchObject({
      path: ['spec', 'steps', 1, 'steps', 1],
      group: { id: 'group', branch: 'steps' },
    });
    expect(made.plan.order).toEqual(['before', 'group', 'inner1', 'inner2', 'after']);
    expect([...made.plan.downstream('inner1')].toSorted()).toEqual(['after', 'group', 'inner2']);
    expect([...made.plan.downstream('group')].toSorted()).toEqual(['after', 'inner1', 'inner2']);
    expect([...made.plan.downstream('inner2')].toSorted()).toEqual(['after', 'group']);
  });

  it('knows who reaches a step by goto only', () => {
    const made = plan([
      step('a', { onError: 'goto: help' }),
      step('b', { onError: { goto: 'help' } }),
      step('help', { inputs: { template: '{{ error.message }}' } }),
    ]);
    expect(made.faults).toEqual([]);
    expect(made.plan.steps.get('help')).toMatchObject({ entries: ['a', 'b'], dependencies: [] });
    expect(made.plan.order.indexOf('help')).toBe(2);
    expect([...made.plan.downstream('a')]).toEqual(['help']);
  });
});

describe('faults of a graph', () => {
  it.each<[string, readonly unknown[], readonly unknown[], string]>([
    [
      'a circle',
      [step('a', { dependsOn: ['b'] }), step('b', { dependsOn: ['c'] }), step('c', { dependsOn: ['a'] })],
      ['spec', 'steps', 0, 'dependsOn', 0],
      'steps wait for each other in a circle: a → b → c → a',
    ],
    [
      'a circle of expressions',
      [step('x'), step('a', reads('b')), step('b', reads('a'))],
      ['spec', 'steps', 1, 'inputs', 'template'],
      'a → b → a',
    ],
    [
      'a circle through a group',
      [
        step('group', { action: 'parallel_group', steps: [step('inner', reads('after'))] }),
        step('after', reads('group')),
      ],
      ['spec', 'steps', 0, 'steps', 0, 'inputs', 'template'],
      'inner → after → group → inner',
    ],
    ['itself', [step('a', reads('a'))], ['spec', 'steps', 0, 'inputs', 'template'], 'before itself'],
    [
      'an unknown step',
      [step('fetch'), step('b', { dependsOn: ['fetsh'] })],
      ['spec', 'steps', 1, 'dependsOn', 0],
      'there is no step "fetsh" — did you mean "fetch"?',
    ],
    [
      'an unknown step in an expression',
      [step('fetch'), step('b', reads('fetsh'))],
      ['spec', 'steps', 1, 'inputs', 'template'],
      'there is no step "fetsh" — did you mean "fetch"?',
    ],
    [
      'a name that occurs twice, in a group',
      [step('a'), step('g', { action: 'parallel_group', steps: [step('a')] })],
      ['spec', 'steps', 1, 'steps', 0, 'id'],
      'a step "a" exists already (steps.0)',
    ],
    [
      'the other branch',
      [step('g', { action: 'conditional', steps: [step('a')], else: [step('b', reads('a'))] })],
      ['spec', 'steps', 0, 'else', 0, 'inputs', 'template'],
      'the other branch of "g"',
    ],
    [
      'the group around',
      [step('g', { action: 'parallel_group', steps: [step('a', reads('g'))] })],
      ['spec', 'steps', 0, 'steps', 0, 'inputs', 'template'],
      '"a" is inside "g"',
    ],
    [
      'a goto that does not exist',
      [step('a', { onError: 'goto: b' })],
      ['spec', 'steps', 0, 'onError', 'goto'],
      'there is no step "b"',
    ],
    [
      'a goto to itself',
      [step('a', { onError: 'goto: a' })],
      ['spec', 'steps', 0, 'onError', 'goto'],
      'cannot go to itself',
    ],
    [
      'a goto into a group',
      [step('a', { onError: 'goto: b' }), step('g', { action: 'parallel_group', steps: [step('b')] })],
      ['spec', 'steps', 0, 'onError', 'goto'],
      '"b" is not on the same level as "a"',
    ],
    [
      'a goto backwards',
      [step('a'), step('b', { ...reads('a'), onError: 'goto: a' })],
      ['spec', 'steps', 1, 'onError', 'goto'],
      '"a" comes before "b": going back is a circle',
    ],
  ])('%s', (_name, steps, path, message) => {
    const { faults } = plan(steps);
    expect(faults).toHaveLength(1);
    expect(faults[0]?.path).toEqual(path);
    expect(faults[0]?.message).toContain(message);
  });

  it('names each of several circles', () => {
    const pair = (one: string, two: string) => [
      step(one, { dependsOn: [two] }),
      step(two, { dependsOn: [one] }),
    ];
    const { faults } = plan([...pair('a', 'b'), ...pair('c', 'd'), step('e', { dependsOn: ['a'] })]);
    expect(faults.map((fault) => fault.message)).toEqual([
      expect.stringContaining('a → b → a'),
      expect.stringContaining('c → d → c'),
    ]);
  });
});

describe('the order', () => {
  it('is that of a simple planner, for any graph', () => {
    const graphs = fc.array(fc.array(fc.nat({ max: 30 }), { maxLength: 4 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(graphs, (rows) => {
        const names = rows.map((_row, index) => `s${index}`);
        const firsts = rows.map((row, index) => [
          ...new Set(row.filter((at) => at < rows.length && at !== index)),
        ]);
        const { plan: made, faults } = plan(
          names.map((id, index) => step(id, { dependsOn: (firsts[index] ?? []).map((at) => `s${at}`) })),
        );
        // Naive: take whatever is ready, again and again.
        const done = new Set<number>();
        for (let before = -1; before < done.size;) {
          before = done.size;
          for (const [at, needed] of firsts.entries()) if (needed.every((one) => done.has(one))) done.add(at);
        }
        expect(new Set(made.order)).toEqual(new Set([...done].map((at) => `s${at}`)));
        expect(faults.length > 0).toBe(done.size < rows.length);
        for (const [index, id] of made.order.entries())
          for (const first of made.steps.get(id)?.dependencies ?? [])
            expect(made.order.indexOf(first)).toBeLessThan(index);
      }),
      { numRuns: 200 },
    );
  });

  it('of 10,000 steps, in a chain and side by side, takes no time to speak of', () => {
    const count = 10_000;
    const chain = spec(
      Array.from({ length: count }, (_one, index) =>
        step(`s${index}`, index === 0 ? {} : reads(`s${index - 1}`)),
      ),
    );
    const star = spec([
      step('last', { dependsOn: Array.from({ length: count - 1 }, (_one, index) => `s${index}`) }),
      ...Array.from({ length: count - 1 }, (_one, index) => step(`s${index}`)),
    ]);
    const started = process.cpuUsage();
    const one = planWorkflow(chain, expressions);
    const two = planWorkflow(star, expressions);
    const { user, system } = process.cpuUsage(started);
    expect(one.faults).toEqual([]);
    expect(one.plan.order).toHaveLength(count);
    expect(one.plan.downstream('s0').size).toBe(count - 1);
    expect(two.plan.order.at(-1)).toBe('last');
    expect((user + system) / 1e6).toBeLessThan(1);
  });
});
