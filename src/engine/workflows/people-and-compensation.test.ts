import { describe, expect, it } from 'vitest';
import { AppError, type Json } from '../../base/index.ts';
import type { ApprovalOutcome, ApprovalRequest } from '../../protocol/index.ts';
import { FakeClock } from '../../testing/index.ts';
import { openWorkflow, testAction } from '../../testing/workflow-ground.ts';

const echo = () => testAction('echo', (inputs) => inputs['value'] ?? null);
const decided = (
  status: ApprovalOutcome['status'],
  answer: Json = null,
): Omit<ApprovalOutcome, 'approvalId'> => ({
  status,
  answer,
  comment: status === 'rejected' ? 'too dear' : null,
  decidedBy: status === 'expired' ? null : 'user:ann',
  decidedAt: '2026-01-01T00:00:00.000Z',
});

describe('an approval before a step', () => {
  const spec = `
inputs: {amount: number}
steps:
  - id: pay
    action: echo
    inputs: {value: "{{ inputs.amount * 2 }}"}
    approval: {title: "Pay {{ inputs.amount }}?", approvers: ["user:ann"]}
    on_error: {goto: refused}
  - {id: refused, action: echo, inputs: {value: "{{ error.code }}"}}
`;
  it('shows the exact evaluated inputs, and the act follows the decision', async () => {
    const asked: [string, ApprovalRequest][] = [];
    const act = echo();
    const ground = await openWorkflow(
      spec,
      { amount: 21 },
      {
        actions: [act],
        onApproval: (key, request) => {
          asked.push([key, request]);
          expect(act.calls).toHaveLength(0);
          return Promise.resolve(decided('approved'));
        },
      },
    );
    expect(await ground.output()).toBe(42);
    expect(asked).toMatchObject([
      [
        'pay:approval',
        {
          kind: 'approval',
          title: 'Pay 21?',
          subject: { action: 'echo', arguments: { value: 42 } },
          rules: { approvers: ['user:ann'] },
        },
      ],
    ]);
  });

  it.each([
    ['rejected', 'approval_rejected'],
    ['expired', 'approval_expired'],
  ] as const)('that is %s is a failure of the step, which is not done', async (status, code) => {
    const act = echo();
    const ground = await openWorkflow(
      spec,
      { amount: 1 },
      { actions: [act], onApproval: () => Promise.resolve(decided(status)) },
    );
    expect(await ground.output()).toBe(code);
    expect(act.calls).toEqual([{ value: code }]);
  });
});

describe('the action approval', () => {
  it('asks a question and gives the answer on', async () => {
    const asked: ApprovalRequest[] = [];
    const ground = await openWorkflow(
      `
steps:
  - id: ask
    action: approval
    inputs: {question: Which city?, answer_schema: {type: string}, deadline: 2h, default: reject}
  - {id: tell, action: echo, inputs: {value: "{{ steps.ask.output.answer }} by {{ steps.ask.output.decided_by }}"}}
`,
      {},
      {
        actions: [echo()],
        onApproval: (_key, request) => {
          asked.push(request);
          return Promise.resolve(decided('answered', 'Oslo'));
        },
      },
    );
    expect(await ground.output()).toBe('Oslo by user:ann');
    expect(asked).toMatchObject([
      {
        kind: 'question',
        title: 'Which city?',
        answerSchema: { type: 'string' },
        rules: { deadline: 7_200_000, default: 'reject' },
      },
    ]);
  });

  it('fails when it is rejected, saying who and why', async () => {
    const ground = await openWorkflow(
      'steps: [{id: a, action: approval, inputs: {title: Ship it?, data: {version: 2}}}]',
      {},
      { onApproval: () => Promise.resolve(decided('rejected')) },
    );
    expect(await ground.failure()).toMatchObject({
      code: 'approval_rejected',
      message: 'step "a": "Ship it?" was rejected by user:ann: too dear',
    });
  });
});

describe('a wait', () => {
  it('until a time is as long as is left, whenever it is looked at again', async () => {
    const clock = new FakeClock(Date.UTC(2026, 0, 1, 8));
    const ground = await openWorkflow(
      'steps: [{id: a, action: wait, inputs: {until: "2026-01-01T09:30:00+01:00"}}]',
      {},
      { clock },
    );
    const done = ground.output();
    await clock.untilPending();
    expect(ground.states()).toEqual({ a: 'waiting' });
    await clock.advance(30 * 60_000);
    expect(await done).toEqual({ waited_ms: 30 * 60_000 });
    await clock.advance(1000);
    expect(await ground.output()).toEqual({ waited_ms: 30 * 60_000 });
  });

  it.each([
    ['signal', 'go', { signal: 'go' }],
    ['event', 'event:orders.paid', { event: 'orders.paid' }],
  ])('for a %s gives its payload; when none comes in time the step fails', async (_what, name, inputs) => {
    const heard: [string, number | undefined][] = [];
    const spec = `steps: [{id: a, action: wait, inputs: ${JSON.stringify({ ...inputs, timeout: '10s' })}}]`;
    const come = await openWorkflow(
      spec,
      {},
      {
        onSignal: (signal, timeoutMs) => {
          heard.push([signal, timeoutMs]);
          return Promise.resolve({ order: 7 });
        },
      },
    );
    expect(await come.output()).toEqual({ payload: { order: 7 } });
    expect(heard).toEqual([[name, 10_000]]);
    const none = await openWorkflow(spec, {}, { onSignal: () => Promise.resolve(undefined) });
    expect((await none.failure()).code).toBe('timeout');
  });

  it('does not keep others from their turn', async () => {
    const clock = new FakeClock();
    const ground = await openWorkflow(
      'limits: {concurrency: 1}\nsteps: [{id: a, action: wait, inputs: {duration: 1h}}, {id: b, action: echo, inputs: {value: 1}}]',
      {},
      { clock, actions: [echo()] },
    );
    const done = ground.execute();
    await clock.untilPending();
    await clock.advance(0);
    expect(ground.states()).toEqual({ a: 'waiting', b: 'completed' });
    await clock.advance(3_600_000);
    await done;
  });
});

describe('compensation', () => {
  const undone = (spec: string, broken: readonly string[] = []) => {
    const log: string[] = [];
    const act = testAction('act', (inputs) => {
      if (inputs['fail'] === true) throw new AppError('upstream_error', 'broken', { retryable: false });
      return { id: `${String(inputs['id'])}-id` };
    });
    const undo = testAction('undo', (inputs) => {
      log.push(String(inputs['id']));
      if (broken.includes(String(inputs['id']))) throw new AppError('conflict', 'cannot');
      return null;
    });
    return {
      log,
      open: (more: object = {}) => openWorkflow(spec, {}, { actions: [act, undo, echo()], ...more }),
    };
  };
  const spec = `
steps:
  - {id: a, action: act, inputs: {id: a}, compensate: {action: undo, inputs: {id: "{{ steps.a.output.id }}"}}}
  - {id: b, action: act, for_each: [1, 2], inputs: {id: "b{{ item }}"}, depends_on: [a], compensate: {action: undo, inputs: {id: "{{ output.id }}/{{ item }}"}}}
  - {id: skipped, action: act, when: false, compensate: {action: undo, inputs: {id: never}}}
  - {id: c, action: act, inputs: {fail: true}, depends_on: [b], compensate: {action: undo, inputs: {id: never}}}
`;
  it('undoes what was done, the last first, each journaled', async () => {
    const { log, open } = undone(spec);
    const ground = await open();
    expect(await ground.failure()).toMatchObject({ code: 'upstream_error', message: 'step "c": broken' });
    expect(log).toEqual(['b2-id/2', 'b1-id/1', 'a-id']);
    expect(Object.keys(ground.journal())).toEqual(
      expect.arrayContaining(['a:undo', 'b[0]:undo', 'b[1]:undo']),
    );
  });

  it('reports one that fails and does the others; the first cause stays', async () => {
    const { log, open } = undone(spec, ['b1-id/1']);
    const error = await (await open()).failure();
    expect(error).toMatchObject({
      code: 'upstream_error',
      details: { step: 'c', compensation_failures: [{ step: 'b[0]', code: 'conflict' }] },
    });
    expect(error.message).toMatch(/could not be undone: "b\[0\]": cannot/);
    expect(log).toEqual(['b2-id/2', 'b1-id/1', 'a-id']);
  });

  it('undoes each thing once, wherever the process ends', async () => {
    const { open } = undone(spec);
    const whole = await open();
    await whole.failure();
    const keys = [...whole.run.steps.keys()];
    for (const at of keys)
      for (const moment of ['before', 'recorded'] as const) {
        let crashed = false;
        const { log, open: again } = undone(spec);
        const ground = await again({
          crash: (key: string, when: string) => {
            if (crashed || key !== at || when !== moment) return false;
            crashed = true;
            return true;
          },
        });
        expect(await ground.untilDone()).toMatchObject({ error: { code: 'upstream_error' } });
        expect(log, `crash ${moment} ${at}`).toEqual(['b2-id/2', 'b1-id/1', 'a-id']);
        expect([...ground.run.steps.keys()].toSorted()).toEqual(keys.toSorted());
      }
  });

  it('undoes what was done beside a failure also when the next execution learns of the failure first', async () => {
    const beside = `
steps:
  - {id: bad, action: late}
  - {id: one, action: act, inputs: {id: one}}
  - {id: two, action: act, inputs: {id: two}, depends_on: [one]}
  - {id: three, action: act, inputs: {id: three}, depends_on: [two], compensate: {action: undo, inputs: {id: "{{ output.id }}"}}}
  - {id: four, action: late, depends_on: [three]}
`;
    const { promise: threeIsDone, resolve: release } = Promise.withResolvers<void>();
    let lates = 0;
    const late = testAction('late', async () => {
      lates += 1;
      if (lates === 2) release();
      await threeIsDone;
      throw new AppError('upstream_error', 'late', { retryable: false });
    });
    let crashed = false;
    const log: string[] = [];
    const ground = await openWorkflow(
      beside,
      {},
      {
        actions: [
          testAction('act', (inputs) => ({ id: `${String(inputs['id'])}-id` })),
          testAction('undo', (inputs) => {
            log.push(String(inputs['id']));
            return null;
          }),
          late,
        ],
        crash: (key, moment) => {
          if (crashed || key !== 'bad' || moment !== 'recorded') return false;
          crashed = true;
          return true;
        },
      },
    );
    expect(await ground.untilDone()).toMatchObject({ error: { details: { step: 'bad' } } });
    expect(crashed).toBe(true);
    expect(log).toEqual(['three-id']);
  });
});

describe('two failures that were both recorded before the process ended', () => {
  it('end the run with the one that comes first in the graph, whichever is known first', async () => {
    const ground = await openWorkflow(
      `
steps:
  - {id: first, action: echo, inputs: {value: 1}, retry: {attempts: 5, backoff: {initial: 0}}}
  - {id: second, action: echo, inputs: {value: 2}}
`,
      {},
      { actions: [echo()] },
    );
    const failed = (key: string, value: number): void => {
      ground.run.fail(
        key,
        'action',
        { action: 'echo', inputs: { value } },
        new AppError('upstream_error', `${key} failed`),
      );
    };
    // The second one is known long before the last try of the first.
    for (const key of ['first', 'first:try:2', 'first:try:3', 'first:try:4', 'first:try:5']) failed(key, 1);
    failed('second', 2);
    expect(await ground.failure()).toMatchObject({ details: { step: 'first' } });
  });
});
