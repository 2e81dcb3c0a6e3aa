import { describe, expect, it } from 'vitest';
import type { Json } from '../../base/index.ts';
import { workflowOf } from '../../testing/workflow-ground.ts';
import { createExpressions } from '../expressions/index.ts';
import type { RunView, StepProgress } from '../runs/index.ts';
import { createWorkflowGraphs } from './run-graph.ts';

const graphs = createWorkflowGraphs(await createExpressions());
const definition = workflowOf(`
steps:
  - {id: a, action: transform, retry: 3, on_error: {goto: rescue}}
  - {id: loop, action: transform, for_each: [1, 2], depends_on: [a]}
  - id: group
    action: conditional
    depends_on: [a]
    steps: [{id: yes, action: transform}]
    else: [{id: no, action: approval}]
  - {id: child, action: run_workflow, depends_on: [group]}
  - {id: rescue, action: transform}
`);
const step = (key: string, status: StepProgress['status'], from: number): StepProgress => ({
  key,
  kind: 'action',
  name: null,
  status,
  attempts: 1,
  error: null,
  startedAt: new Date(from * 1000).toISOString(),
  endedAt: status === 'started' ? null : new Date(from * 1000 + 500).toISOString(),
});
const run = (more: Partial<RunView>): RunView => ({
  id: 'run_1',
  target: { kind: 'workflow', name: 'w' },
  status: 'running',
  sessionId: null,
  parentRunId: null,
  parentStepKey: null,
  rootRunId: 'run_1',
  source: 'test',
  principal: 'p',
  attempts: 1,
  usage: { inputTokens: 0, outputTokens: 0, costUsd: null },
  error: null,
  waitingFor: [],
  createdAt: '',
  startedAt: '',
  endedAt: null,
  metadata: {},
  forkedFrom: null,
  forkedAtStep: null,
  effects: 'on',
  ...more,
});
const draw = (steps: readonly StepProgress[], of: Partial<RunView> = {}, children: readonly RunView[] = []) =>
  graphs.ofRun({ definition: definition as unknown as Json, run: run(of), steps, children });
const statuses = (...parts: Parameters<typeof draw>) =>
  Object.fromEntries(draw(...parts).nodes.map((node) => [node.id, node.status]));

describe('the graph of a workflow', () => {
  it('has its steps, what they depend on, where failures lead, and what groups contain', () => {
    const { nodes, edges } = graphs.ofDefinition(definition);
    expect(nodes.map((node) => [node.id, node.kind, node.status])).toEqual([
      ['a', 'transform', 'pending'],
      ['loop', 'transform', 'pending'],
      ['group', 'conditional', 'pending'],
      ['yes', 'transform', 'pending'],
      ['no', 'approval', 'pending'],
      ['child', 'run_workflow', 'pending'],
      ['rescue', 'transform', 'pending'],
    ]);
    expect(edges).toEqual(
      expect.arrayContaining([
        { from: 'a', to: 'loop', kind: 'then' },
        { from: 'a', to: 'rescue', kind: 'on_error' },
        { from: 'group', to: 'yes', kind: 'contains' },
        { from: 'group', to: 'child', kind: 'then' },
      ]),
    );
  });

  it('of a run shows each step as far as it is', () => {
    const early = [step('a', 'failed', 1)];
    expect(statuses(early)).toMatchObject({ a: 'running', loop: 'pending', rescue: 'pending' });
    expect(statuses(early, { status: 'waiting', waitingFor: ['a:backoff:2'] })).toMatchObject({
      a: 'waiting',
    });
    const later = [
      ...early,
      step('a:try:2', 'completed', 2),
      step('loop[0]', 'completed', 3),
      step('loop[1]', 'started', 3),
      step('group', 'completed', 3),
    ];
    expect(statuses(later, { waitingFor: ['group/no'] })).toEqual({
      a: 'completed',
      loop: 'running',
      group: 'running',
      yes: 'pending',
      no: 'waiting',
      child: 'pending',
      rescue: 'pending',
    });
    const end = [
      ...later.slice(0, 3),
      step('loop[1]', 'completed', 4),
      step('group', 'completed', 3),
      step('group/no', 'completed', 5),
      step('child', 'completed', 6),
    ];
    const child = run({ id: 'run_2', parentStepKey: 'child', status: 'completed' });
    const { nodes } = draw(end, { status: 'completed' }, [child]);
    expect(nodes.map(({ id, status, attempts, runId }) => [id, status, attempts, runId])).toEqual([
      ['a', 'completed', 2, null],
      ['loop', 'completed', 1, null],
      ['group', 'completed', 1, null],
      ['yes', 'skipped', 0, null],
      ['no', 'completed', 1, null],
      ['child', 'completed', 1, 'run_2'],
      ['rescue', 'skipped', 0, null],
    ]);
    expect(nodes[2]).toMatchObject({
      startedAt: '1970-01-01T00:00:03.000Z',
      endedAt: '1970-01-01T00:00:05.500Z',
    });
  });

  it('of a failed run names the step that failed, and cancels what was not done', () => {
    const error = {
      code: 'upstream_error',
      message: '',
      retryable: false,
      details: { step: 'loop[1]' },
    } as const;
    const steps = [step('a', 'completed', 1), step('loop[0]', 'completed', 2), step('loop[1]', 'failed', 2)];
    expect(statuses(steps, { status: 'failed', error })).toMatchObject({
      a: 'completed',
      loop: 'failed',
      group: 'cancelled',
      yes: 'cancelled',
      child: 'cancelled',
    });
    const unjournaled = { ...error, code: 'expression_failed', details: { step: 'group/yes' } } as const;
    expect(
      statuses([step('a', 'completed', 1), step('group', 'completed', 2)], {
        status: 'failed',
        error: unjournaled,
      }),
    ).toMatchObject({
      group: 'failed',
      yes: 'failed',
    });
  });

  it('of a step that a child run does shows what came of the child', () => {
    const steps = [step('a', 'completed', 1), step('group', 'completed', 2), step('child', 'completed', 3)];
    const child = (status: RunView['status']) => run({ id: 'run_2', parentStepKey: 'child', status });
    expect(statuses(steps, { status: 'cancelled' }, [child('cancelled')])).toMatchObject({
      child: 'cancelled',
    });
    expect(statuses(steps, { status: 'completed' }, [child('failed')])).toMatchObject({ child: 'failed' });
    const again = [...steps, step('child:try:2', 'completed', 4)];
    const second = run({ id: 'run_3', parentStepKey: 'child:try:2', status: 'completed' });
    expect(statuses(again, { status: 'completed' }, [child('failed'), second])).toMatchObject({
      child: 'completed',
    });
  });

  it('of a group whose time ran out shows it as failed, and what it gave up as cancelled', () => {
    const steps = [
      step('a', 'completed', 1),
      step('group', 'completed', 2),
      step('group:timeout', 'completed', 3),
    ];
    expect(statuses([...steps, step('child', 'completed', 4)], { status: 'completed' })).toMatchObject({
      group: 'failed',
      no: 'cancelled',
      child: 'completed',
    });
    const again = [...steps, step('group:try:2', 'completed', 4), step('group:try:2/no', 'completed', 5)];
    expect(statuses(again, { status: 'completed' })).toMatchObject({ group: 'completed', no: 'completed' });
  });

  it('looks at a large one in time that grows with it', () => {
    const many = workflowOf(
      `steps:\n${Array.from({ length: 5000 }, (_, at) => `  - {id: s${at}, action: transform}`).join('\n')}`,
    );
    const steps = Array.from({ length: 5000 }, (_, at) => step(`s${at}`, 'completed', at));
    const began = performance.now();
    const { nodes } = graphs.ofRun({
      definition: many as unknown as Json,
      run: run({}),
      steps,
      children: [],
    });
    expect(nodes).toHaveLength(5000);
    expect(performance.now() - began).toBeLessThan(3000);
  });
});
