import { describe, expect, it } from 'vitest';
import { AppError, type Json } from '../../base/index.ts';
import { FakeClock } from '../../testing/index.ts';
import { openWorkflow, testAction } from '../../testing/workflow-ground.ts';

const echo = () => testAction('echo', (inputs) => inputs['value'] ?? null);
const picky = () =>
  testAction('picky', (inputs) => {
    if (inputs['value'] === 'bad') throw new AppError('upstream_error', 'bad value');
    return inputs['value'] ?? null;
  });

describe('for_each', () => {
  it('does the step for each element, a few at a time, outputs in order', async () => {
    const under = { now: 0, most: 0 };
    const slow = testAction('slow', async (inputs) => {
      under.now += 1;
      under.most = Math.max(under.most, under.now);
      for (let turn = 20 - Number(inputs['n']); turn > 0; turn -= 1) await Promise.resolve();
      under.now -= 1;
      return Number(inputs['n']) * Number(inputs['at']);
    });
    const ground = await openWorkflow(
      `
inputs: {list: array}
steps:
  - id: a
    action: slow
    for_each: {items: inputs.list, as: n, concurrency: 3}
    inputs: {n: "{{ n }}", at: "{{ index }}"}
`,
      { list: [5, 4, 3, 2, 1] },
      { actions: [slow] },
    );
    expect(await ground.output()).toEqual([0, 4, 6, 6, 4]);
    expect(under.most).toBe(3);
    expect([...ground.run.steps.keys()].toSorted()).toEqual(['a[0]', 'a[1]', 'a[2]', 'a[3]', 'a[4]']);
  });

  it('gives an empty list for one, and refuses what is none', async () => {
    const spec = 'inputs: {list: {}}\nsteps: [{id: a, action: echo, for_each: "{{ inputs.list }}"}]';
    expect(await (await openWorkflow(spec, { list: [] }, { actions: [echo()] })).output()).toEqual([]);
    const text = await openWorkflow(spec, { list: 'abc' }, { actions: [echo()] });
    expect(await text.failure()).toMatchObject({
      code: 'expression_failed',
      message: expect.stringMatching(/for_each: expected a list, found a string/),
    });
  });

  const list = 'for_each: [good, bad, better, bad]';
  it('fails with the element that failed', async () => {
    const spec = `steps: [{id: a, action: picky, ${list}, inputs: {value: "{{ item }}"}}]`;
    const ground = await openWorkflow(spec, {}, { actions: [picky()] });
    expect(await ground.failure()).toMatchObject({
      code: 'upstream_error',
      message: 'step "a[1]": element 1: bad value',
      details: { index: 1 },
    });
  });

  it('goes on after failed elements with continue: null in their place, the first error told', async () => {
    const spec = `
steps:
  - {id: a, action: picky, ${list}, inputs: {value: "{{ item }}"}, on_error: continue}
  - {id: b, action: echo, inputs: {value: ["{{ steps.a.output }}", "{{ steps.a.status }}", "{{ steps.a.error.details.index }}"]}}
`;
    const ground = await openWorkflow(spec, {}, { actions: [picky(), echo()] });
    expect(await ground.output()).toEqual([['good', null, 'better', null], 'failed', 1]);
  });

  it('tries elements again by themselves', async () => {
    const failedOnce = new Set<Json>();
    const act = testAction('act', (inputs) => {
      const item = inputs['item'] ?? null;
      if (failedOnce.has(item)) return item;
      failedOnce.add(item);
      throw new AppError('upstream_error', 'once');
    });
    const spec =
      'steps: [{id: a, action: act, for_each: [1, 2], inputs: {item: "{{ item }}"}, retry: {attempts: 2, backoff: {initial: 0}}}]';
    const ground = await openWorkflow(spec, {}, { actions: [act] });
    expect(await ground.output()).toEqual([1, 2]);
    expect(Object.keys(ground.journal()).toSorted()).toEqual(['a[0]', 'a[0]:try:2', 'a[1]', 'a[1]:try:2']);
  });
});

describe('repeat_until', () => {
  it('goes on until the condition holds, with the output of the last time', async () => {
    const clock = new FakeClock();
    const spec = `
steps:
  - id: a
    action: echo
    inputs: {value: "{{ (output or 1) * 2 }}"}
    repeat_until: {condition: output > 10, delay: 1m}
`;
    const ground = await openWorkflow(spec, {}, { actions: [echo()], clock });
    const done = ground.output();
    for (let turn = 0; turn < 3; turn += 1) {
      await clock.untilPending();
      await clock.advance(60_000);
    }
    expect(await done).toBe(16);
    expect(ground.journal()).toMatchObject({ 'a#0': 2, 'a#1': 4, 'a#2': 8, 'a#3': 16, 'a#1:delay': null });
  });

  it('fails when it never holds', async () => {
    const spec =
      'steps: [{id: a, action: echo, inputs: {value: 1}, repeat_until: {condition: iteration > 5, max_iterations: 3}}]';
    const ground = await openWorkflow(spec, {}, { actions: [echo()] });
    expect(await ground.failure()).toMatchObject({
      code: 'limit_exceeded',
      message: expect.stringMatching(/did not hold after 3 iterations/),
    });
  });
});

describe('groups', () => {
  const branches = (amount: number) =>
    openWorkflow(
      `
inputs: {amount: number}
steps:
  - id: check
    action: conditional
    inputs: {condition: inputs.amount > 100}
    steps:
      - {id: big, action: echo, inputs: {value: big}}
      - {id: bigger, action: echo, inputs: {value: "{{ steps.big.output }}ger"}}
    else:
      - {id: small, action: echo, inputs: {value: small}}
  - id: after
    action: echo
    inputs: {value: {branch: "{{ steps.check.output.branch }}", outputs: "{{ steps.check.output.outputs }}", small: "{{ steps.small.status }}"}}
`,
      { amount },
      { actions: [echo()] },
    );
  it('conditional does one of two branches; steps outside see both', async () => {
    const big = await branches(500);
    expect(await big.output()).toEqual({
      branch: 'steps',
      outputs: { big: 'big', bigger: 'bigger' },
      small: 'skipped',
    });
    expect(Object.keys(big.journal())).toEqual(['check', 'check/big', 'check/bigger', 'after']);
    expect(await (await branches(5)).output()).toEqual({
      branch: 'else',
      outputs: { small: 'small' },
      small: 'completed',
    });
  });

  it('parallel_group bounds its own steps and gives their outputs by id', async () => {
    const under = { now: 0, most: 0 };
    const slow = testAction('slow', async (inputs) => {
      under.now += 1;
      under.most = Math.max(under.most, under.now);
      for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
      under.now -= 1;
      return inputs['v'] ?? null;
    });
    const inner = ['p', 'q', 'r'].map((id) => `{id: ${id}, action: slow, inputs: {v: ${id}}}`).join(', ');
    const ground = await openWorkflow(
      `steps: [{id: g, action: parallel_group, inputs: {concurrency: 2}, steps: [${inner}]}]`,
      {},
      { actions: [slow] },
    );
    expect(await ground.output()).toEqual({ p: 'p', q: 'q', r: 'r' });
    expect(under.most).toBe(2);
  });

  it('in a loop have a journal of their own for each element, and see it', async () => {
    const spec = `
steps:
  - id: g
    action: parallel_group
    for_each: {items: [1, 2], as: n}
    steps:
      - {id: x, action: echo, inputs: {value: "{{ n }}"}}
      - {id: y, action: echo, for_each: [a, b], inputs: {value: "{{ steps.x.output }}{{ item }}{{ n }}{{ index }}"}}
`;
    const ground = await openWorkflow(spec, {}, { actions: [echo()] });
    expect(await ground.output()).toEqual([
      { x: 1, y: ['1a10', '1b11'] },
      { x: 2, y: ['2a20', '2b21'] },
    ]);
    expect(Object.keys(ground.journal()).toSorted()).toEqual(
      ['g[0]', 'g[0]/x', 'g[0]/y[0]', 'g[0]/y[1]', 'g[1]', 'g[1]/x', 'g[1]/y[0]', 'g[1]/y[1]'].toSorted(),
    );
  });

  it('fail with their inner step; survived, every inner step that can be done is done', async () => {
    const spec = (onError: string) => `
steps:
  - id: g
    action: parallel_group
    on_error: ${onError}
    steps:
      - {id: bad, action: picky, inputs: {value: bad}}
      - {id: after_bad, action: echo, depends_on: [bad]}
      - {id: other, action: echo, inputs: {value: 1}}
      - {id: after_other, action: echo, inputs: {value: 2}, depends_on: [other]}
  - {id: next, action: echo, inputs: {value: "{{ steps.g.error.message }}"}, depends_on: [g]}
`;
    const survived = await openWorkflow(spec('continue'), {}, { actions: [picky(), echo()] });
    expect(await survived.output()).toBe('step "g/bad": bad value');
    expect(survived.states()).toMatchObject({
      g: 'failed',
      'g/bad': 'failed',
      'g/after_bad': 'cancelled',
      'g/other': 'completed',
      'g/after_other': 'completed',
    });
    const fatal = await openWorkflow(spec('fail'), {}, { actions: [picky(), echo()] });
    expect(await fatal.failure()).toMatchObject({ message: 'step "g/bad": bad value' });
  });

  it('are tried again as a whole, under keys of their own', async () => {
    let calls = 0;
    const act = testAction('act', () => {
      calls += 1;
      if (calls < 2) throw new AppError('upstream_error', 'first');
      return calls;
    });
    const spec = `
steps:
  - id: g
    action: parallel_group
    retry: {attempts: 2, backoff: {initial: 0}}
    steps: [{id: x, action: act}, {id: y, action: echo, inputs: {value: 0}}]
`;
    const ground = await openWorkflow(spec, {}, { actions: [act, echo()] });
    expect(await ground.output()).toEqual({ x: 2, y: 0 });
    expect(Object.keys(ground.journal())).toEqual(['g', 'g/x', 'g/y', 'g:try:2', 'g:try:2/x', 'g:try:2/y']);
  });
});

describe('ten thousand steps', () => {
  const count = 10_000;
  const numbers = Array.from({ length: count }, (_, at) => at);
  it.each([
    [
      'one after the other',
      numbers.map(
        (at) =>
          `{id: s${at}, action: echo, inputs: {value: ${at}}, depends_on: [${at === 0 ? '' : `s${at - 1}`}]}`,
      ),
    ],
    [
      'side by side',
      numbers.map(
        (at) => `{id: s${at}, action: echo, inputs: {value: ${at}}, depends_on: [${at === 0 ? '' : 's0'}]}`,
      ),
    ],
    [
      'skipped one after the other',
      numbers.map(
        (at) => `{id: s${at}, action: echo, ${at === 0 ? 'when: false' : `depends_on: [s${at - 1}]`}}`,
      ),
    ],
  ])('%s come to an end', { timeout: 120_000 }, async (what, steps) => {
    const act = echo();
    const ground = await openWorkflow(`outputs: {}\nsteps: [${steps.join(', ')}]`, {}, { actions: [act] });
    await ground.execute();
    expect(act.calls).toHaveLength(what.startsWith('skipped') ? 0 : count);
  });

  it('of a loop give their outputs in order', async () => {
    const spec =
      'inputs: {list: array}\nsteps: [{id: a, action: echo, for_each: inputs.list, inputs: {value: "{{ item }}"}}]';
    const ground = await openWorkflow(spec, { list: numbers }, { actions: [echo()] });
    expect(await ground.output()).toEqual(numbers);
  });
});

describe('the state of a run', () => {
  it('is what the steps before wrote; of steps side by side the later in the definition, whoever was quicker', async () => {
    const spec = (first: number, second: number) => `
steps:
  - {id: early, action: set_state, inputs: {values: {x: 0, y: 0}}}
  - {id: delay1, action: slow, inputs: {turns: ${first}}, depends_on: [early]}
  - {id: w1, action: set_state, inputs: {values: {x: 1, own: one}}, depends_on: [delay1]}
  - {id: delay2, action: slow, inputs: {turns: ${second}}, depends_on: [early]}
  - {id: w2, action: set_state, inputs: {values: {x: 2}}, depends_on: [delay2]}
  - {id: beside, action: echo, inputs: {value: "{{ state }}"}, depends_on: [w1]}
  - {id: after, action: echo, inputs: {value: ["{{ state.x }}", "{{ state.y }}", "{{ state.own }}", "{{ steps.beside.output }}"]}, depends_on: [w1, w2]}
`;
    const slow = testAction('slow', async (inputs) => {
      for (let turn = 0; turn < Number(inputs['turns']); turn += 1) await Promise.resolve();
      return null;
    });
    for (const [first, second] of [
      [1, 50],
      [50, 1],
    ] as const) {
      const ground = await openWorkflow(spec(first, second), {}, { actions: [slow, echo()] });
      expect(await ground.output()).toEqual([2, 0, 'one', { x: 1, y: 0, own: 'one' }]);
    }
  });

  it('is written by elements of a loop in their order', async () => {
    const spec = `
steps:
  - {id: w, action: set_state, for_each: [a, b, c], inputs: {values: {last: "{{ item }}"}}}
  - {id: r, action: echo, inputs: {value: "{{ state.last }}"}, depends_on: [w]}
`;
    expect(await (await openWorkflow(spec, {}, { actions: [echo()] })).output()).toBe('c');
  });
});
