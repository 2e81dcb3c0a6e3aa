import { describe, expect, it } from 'vitest';
import { AppError, type Json } from '../../base/index.ts';
import { FakeClock } from '../../testing/index.ts';
import { openWorkflow, testAction } from '../../testing/workflow-ground.ts';

const fails = (times: number, code: 'upstream_error' | 'not_found' = 'upstream_error') => {
  let left = times;
  return testAction('flaky', () => {
    if (left > 0) {
      left -= 1;
      throw new AppError(code, `${left} more`);
    }
    return { done: true };
  });
};
const echo = () => testAction('echo', (inputs) => inputs['value'] ?? null);

describe('a workflow', () => {
  it('passes outputs on, in parallel where it can, and ends with its outputs', async () => {
    const act = echo();
    const ground = await openWorkflow(
      `
inputs: {topic: string}
steps:
  - {id: left, action: echo, inputs: {value: "{{ inputs.topic }}-left"}}
  - {id: right, action: echo, inputs: {value: [1, 2]}}
  - {id: both, action: echo, inputs: {value: {l: "{{ steps.left.output }}", r: "{{ steps.right.output }}"}}}
outputs: {all: "{{ steps.both.output }}", first: "{{ steps.right.output[0] }}"}
`,
      { topic: 'bees' },
      { actions: [act] },
    );
    expect(await ground.output()).toEqual({ all: { l: 'bees-left', r: [1, 2] }, first: 1 });
    expect(ground.states()).toEqual({ left: 'completed', right: 'completed', both: 'completed' });
    expect([...ground.run.steps.keys()]).toEqual(['left', 'right', 'both']);
  });

  it('starts a step as soon as what it depends on is done, never more than allowed at once', async () => {
    const under = { now: 0, most: 0 };
    const order: string[] = [];
    const slow = testAction('slow', async (inputs) => {
      under.now += 1;
      under.most = Math.max(under.most, under.now);
      for (let turn = 0; turn < Number(inputs['turns']); turn += 1) await Promise.resolve();
      under.now -= 1;
      order.push(String(inputs['id']));
      return null;
    });
    const steps = `
limits: {concurrency: 2}
steps:
  - {id: a, action: slow, inputs: {id: a, turns: 200}}
  - {id: b, action: slow, inputs: {id: b, turns: 10}}
  - {id: after_b, action: slow, inputs: {id: after_b, turns: 10}, depends_on: [b]}
  - {id: c, action: slow, inputs: {id: c, turns: 10}}
`;
    const ground = await openWorkflow(steps, {}, { actions: [slow] });
    await ground.execute();
    expect(under.most).toBe(2);
    expect(order.indexOf('after_b')).toBeLessThan(order.indexOf('a'));
  });

  const outputs: [string, string, Json][] = [
    ['the output of its one last step', 'steps: [{id: a, action: echo, inputs: {value: 7}}]', 7],
    [
      'the outputs by id of several last steps',
      'steps: [{id: a, action: echo, inputs: {value: 7}}, {id: b, action: echo, inputs: {value: 8}}, {id: c, action: echo, when: false}]',
      { a: 7, b: 8 },
    ],
    [
      'what emit_output gave, the later step in the definition winning',
      `steps:
  - {id: slow, action: emit_output, inputs: {values: {x: 1, y: 1}}, depends_on: [z]}
  - {id: z, action: echo, inputs: {value: 1}}
  - {id: quick, action: emit_output, inputs: {values: {x: 2}}}`,
      { x: 1, y: 1 },
    ],
    ['nothing where nothing was done', 'steps: [{id: a, action: echo, when: "1 > 2"}]', null],
  ];
  it.each(outputs)('gives %s where it says no outputs', async (_what, spec, expected) => {
    const ground = await openWorkflow(spec, {}, { actions: [echo()] });
    expect(await ground.output()).toEqual(expected);
  });

  it('refuses an output that does not fit its schema', async () => {
    const ground = await openWorkflow(
      `
output_schema: {type: object, properties: {n: {type: integer}}, required: [n]}
outputs: {n: "{{ steps.a.output }}"}
steps: [{id: a, action: echo, inputs: {value: seven}}]
`,
      {},
      { actions: [echo()] },
    );
    expect(await ground.failure()).toMatchObject({
      code: 'output_invalid',
      message: expect.stringMatching(/n: must be integer/),
    });
  });

  const inputsOfEcho = `
inputs:
  topic: string
  opts: {type: object, properties: {deep: {type: integer}}, required: [deep], default: {deep: 1}}
steps: [{id: a, action: echo}]
`;
  const inputs: [string, Record<string, Json>, RegExp][] = [
    ['a missing one', {}, /inputs\.topic: is missing/],
    ['one of another type', { topic: 5 }, /inputs\.topic: must be string/],
    ['one that it does not have', { topic: 'x', tonic: 1 }, /unknown field "tonic" — did you mean "topic"/],
    ['a field missing inside one', { topic: 'x', opts: {} }, /^inputs\.opts\.deep: is missing$/],
  ];
  it.each(inputs)('refuses inputs: %s', async (_what, given, message) => {
    await expect(
      openWorkflow(inputsOfEcho, given, {
        actions: [echo()],
      }).then((ground) => ground.execute()),
    ).rejects.toMatchObject({ code: 'invalid_request', message: expect.stringMatching(message) });
  });

  it('takes defaults of inputs', async () => {
    const ground = await openWorkflow(
      'inputs: {n: {type: integer, default: 3}}\nsteps: [{id: a, action: echo, inputs: {value: "{{ inputs.n * 2 }}"}}]',
      {},
      { actions: [echo()] },
    );
    expect(await ground.output()).toBe(6);
  });
});

describe('a failure', () => {
  it('ends the workflow: what is under way is stopped and not journaled, what waits is cancelled', async () => {
    let aborted: unknown;
    const hang = testAction(
      'hang',
      (_inputs, { signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            aborted = signal.reason;
            reject(signal.reason as Error);
          });
        }),
    );
    const ground = await openWorkflow(
      `
steps:
  - {id: hangs, action: hang}
  - {id: breaks, action: flaky}
  - {id: after, action: echo, depends_on: [breaks]}
  - {id: later, action: echo, depends_on: [hangs]}
`,
      {},
      { actions: [hang, fails(1), echo()] },
    );
    const error = await ground.failure();
    expect(error).toMatchObject({ code: 'upstream_error', details: { step: 'breaks' } });
    expect(error.message).toBe('step "breaks": 0 more');
    expect(aborted).toBeInstanceOf(Error);
    expect([...ground.run.steps.keys()]).toEqual(['breaks']);
    expect(ground.states()).toEqual({
      hangs: 'cancelled',
      breaks: 'failed',
      after: 'cancelled',
      later: 'cancelled',
    });
  });

  it('is gone on after with continue: those that follow see the error', async () => {
    const ground = await openWorkflow(
      `
steps:
  - {id: breaks, action: flaky, on_error: continue}
  - id: after
    action: echo
    inputs: {value: {s: "{{ steps.breaks.status }}", o: "{{ steps.breaks.output }}", c: "{{ steps.breaks.error.code }}"}}
`,
      {},
      { actions: [fails(1), echo()] },
    );
    expect(await ground.output()).toEqual({ s: 'failed', o: null, c: 'upstream_error' });
  });

  const detour = `
steps:
  - {id: work, action: flaky, on_error: {goto: rescue}}
  - {id: next, action: echo, inputs: {value: next}, depends_on: [work]}
  - {id: rescue, action: echo, inputs: {value: "{{ error.code }} in {{ error.details.step }}"}}
  - {id: join, action: echo, inputs: {value: joined}, depends_on: [next, rescue]}
`;
  it('goes to the handler, which sees the error; what depended on the step is skipped', async () => {
    const ground = await openWorkflow(
      detour.replaceAll('{{ error.code }} in', '{{ error.code }} in'),
      {},
      { actions: [fails(1), echo()] },
    );
    await ground.execute();
    expect(ground.states()).toEqual({
      work: 'failed',
      next: 'skipped',
      rescue: 'completed',
      join: 'completed',
    });
    expect(ground.journal()).toMatchObject({ rescue: 'upstream_error in work', join: 'joined' });
  });

  it('leaves a handler alone that is not needed', async () => {
    const ground = await openWorkflow(detour, {}, { actions: [fails(0), echo()] });
    await ground.execute();
    expect(ground.states()).toEqual({
      work: 'completed',
      next: 'completed',
      rescue: 'skipped',
      join: 'completed',
    });
  });

  it('of an expression names what is missing, and obeys on_error', async () => {
    const spec =
      'inputs: {topic: string}\nsteps: [{id: a, action: echo, inputs: {value: "{{ inputs.topik }}"}}]';
    const ground = await openWorkflow(spec, { topic: 'x' }, { actions: [echo()] });
    expect(await ground.failure()).toMatchObject({
      code: 'expression_failed',
      message: expect.stringMatching(/step "a".*topik.*did you mean "topic"/),
    });
  });

  it('names the field of an input that does not fit the action', async () => {
    const ground = await openWorkflow('steps: [{id: a, action: wait, inputs: {duration: "{{ 1 > 2 }}"}}]');
    expect(await ground.failure()).toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(/inputs\.duration/),
    });
  });
});

describe('retry', () => {
  it('tries again after a wait that grows, each try journaled by itself', async () => {
    const clock = new FakeClock();
    const ground = await openWorkflow(
      'steps: [{id: a, action: flaky, retry: {attempts: 4, backoff: {initial: 1s, factor: 3, max: 5s}}}]',
      {},
      { actions: [fails(3)], clock },
    );
    const done = ground.output();
    for (const pause of [1000, 3000, 5000]) {
      await clock.untilPending();
      expect(ground.states()['a']).toBe('waiting');
      await clock.advance(pause);
    }
    expect(await done).toEqual({ done: true });
    expect([...ground.run.steps.keys()]).toEqual([
      'a',
      'a:backoff:2',
      'a:try:2',
      'a:backoff:3',
      'a:try:3',
      'a:backoff:4',
      'a:try:4',
    ]);
  });

  const cases: [string, string, 'upstream_error' | 'not_found', number][] = [
    ['retryable errors only', 'retry: {attempts: 3, backoff: {initial: 0}}', 'not_found', 1],
    ['the codes it names', 'retry: {attempts: 3, backoff: {initial: 0}, on: [not_found]}', 'not_found', 3],
    ['no others', 'retry: {attempts: 3, backoff: {initial: 0}, on: [timeout]}', 'upstream_error', 1],
    ['as a number', 'retry: 1', 'upstream_error', 1],
  ];
  it.each(cases)('concerns %s', async (_what, retry, code, tries) => {
    const act = fails(99, code);
    const ground = await openWorkflow(`steps: [{id: a, action: flaky, ${retry}}]`, {}, { actions: [act] });
    expect((await ground.failure()).code).toBe(code);
    expect(act.calls).toHaveLength(tries);
  });

  it('keeps the idempotency key over the tries', async () => {
    const keys: string[] = [];
    const act = testAction('act', (_inputs, io) => {
      keys.push(io.idempotencyKey);
      if (keys.length < 3) throw new AppError('upstream_error', 'no');
      return null;
    });
    const ground = await openWorkflow(
      'steps: [{id: a, action: act, retry: {attempts: 3, backoff: {initial: 0}}}]',
      {},
      { actions: [act] },
    );
    await ground.execute();
    expect(new Set(keys)).toEqual(new Set(['run_memory:a']));
  });

  it('grants no more tries after a crash than without', async () => {
    for (const at of ['a', 'a:try:2', 'a:try:3']) {
      let crashed = false;
      const act = fails(99);
      const ground = await openWorkflow(
        'steps: [{id: a, action: flaky, retry: {attempts: 3, backoff: {initial: 0}}}]',
        {},
        {
          actions: [act],
          crash: (key, moment) => {
            if (crashed || key !== at || moment !== 'recorded') return false;
            crashed = true;
            return true;
          },
        },
      );
      expect(await ground.untilDone()).toMatchObject({ error: { code: 'upstream_error' } });
      expect(act.calls).toHaveLength(3);
    }
  });
});

describe('a time limit', () => {
  it('ends a try, and the next one has its own', async () => {
    const clock = new FakeClock();
    let calls = 0;
    const act = testAction('act', (_inputs, { signal }) => {
      calls += 1;
      if (calls === 2) return 'quick';
      return new Promise<Json>((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      });
    });
    const ground = await openWorkflow(
      'steps: [{id: a, action: act, timeout: 2s, retry: {attempts: 2, backoff: {initial: 0}}}]',
      {},
      { actions: [act], clock },
    );
    const done = ground.output();
    await clock.untilPending();
    await clock.advance(2000);
    expect(await done).toBe('quick');
    expect(ground.journal()['a']).toEqual({ error: 'timeout' });
  });

  it('ends an action that does not listen', async () => {
    const clock = new FakeClock();
    const act = testAction('act', () => new Promise<Json>(() => {}));
    const ground = await openWorkflow(
      'steps: [{id: a, action: act, timeout: 2s}]',
      {},
      { actions: [act], clock },
    );
    const failure = ground.failure();
    await clock.untilPending();
    await clock.advance(2000);
    expect(await failure).toMatchObject({ code: 'timeout' });
  });

  it('ends a group as a whole, durably', async () => {
    const clock = new FakeClock();
    const spec = `
steps:
  - id: g
    action: parallel_group
    timeout: 1m
    on_error: continue
    steps:
      - {id: quick, action: echo, inputs: {value: 1}}
      - {id: long, action: wait, inputs: {duration: 1h}}
  - {id: after, action: echo, inputs: {value: "{{ steps.g.error.code }}"}}
`;
    const ground = await openWorkflow(spec, {}, { actions: [echo()], clock });
    const done = ground.output();
    await clock.untilPending(2);
    await clock.advance(60_000);
    expect(await done).toBe('timeout');
    expect([...ground.run.steps.keys()]).toEqual(['g', 'g/quick', 'g:timeout', 'after']);
    // The next execution comes to the same from the journal.
    expect(await ground.output()).toBe('timeout');
  });

  it('ends a child run', async () => {
    const clock = new FakeClock();
    const ground = await openWorkflow(
      'steps: [{id: a, action: run_workflow, inputs: {workflow: other}, timeout: 5s}]',
      {},
      {
        clock,
        onChild: (_target, _input, signal) =>
          new Promise((resolve) => {
            signal.addEventListener('abort', () =>
              resolve({
                status: 'timeout',
                output: null,
                usage: { inputTokens: 0, outputTokens: 0, costUsd: null },
                error: new AppError('timeout', 'the run did not finish before its deadline').toJSON(),
              }),
            );
          }),
      },
    );
    const failure = ground.failure();
    await clock.untilPending();
    await clock.advance(5000);
    expect(await failure).toMatchObject({ code: 'timeout', details: { run_id: 'run_of_a' } });
  });
});
