import { describe, expect, it } from 'vitest';
import { AppError } from '../../base/index.ts';
import { decide, type FollowedStep } from './decide.ts';
import { isDownstreamOf } from './is-downstream.ts';
import { readStepKey, stepKeys } from './step-keys.ts';
import { isFinalState, transition, transitions, type StepEvent, type StepState } from './step-state.ts';

const error = new AppError('upstream_error', 'no').toJSON();
const states: Record<StepState['status'], StepState> = {
  pending: { status: 'pending' },
  ready: { status: 'ready' },
  running: { status: 'running' },
  waiting: { status: 'waiting' },
  completed: { status: 'completed', output: 1 },
  skipped: { status: 'skipped', reason: 'when' },
  failed: { status: 'failed', error, output: null, after: 'fail' },
  cancelled: { status: 'cancelled' },
};
const events: Record<StepEvent['type'], StepEvent> = {
  met: { type: 'met' },
  started: { type: 'started' },
  waits: { type: 'waits' },
  completed: { type: 'completed', output: 1 },
  skipped: { type: 'skipped', reason: 'when' },
  failed: { type: 'failed', error, output: null, after: 'fail' },
  cancelled: { type: 'cancelled' },
};

/** Rows: state. Columns: event. `-`: cannot happen. The same table is in docs/workflows.md. */
const table = `
            met    started  waits    completed  skipped  failed  cancelled
  pending   ready  -        -        -          skipped  -       cancelled
  ready     -      running  waiting  completed  skipped  failed  cancelled
  running   -      -        waiting  completed  -        failed  cancelled
  waiting   -      running  -        completed  -        failed  cancelled
  completed -      -        -        -          -        -       -
  skipped   -      -        -        -          -        -       -
  failed    -      -        -        -          -        -       -
  cancelled -      -        -        -          -        -       -
`;
const [header = [], ...rows] = table
  .trim()
  .split('\n')
  .map((line) => line.trim().split(/\s+/));
const cells = rows.flatMap(([from = '', ...to]) =>
  header.map((event, at): [string, string, string] => [from, event, to[at] ?? '']),
);

describe('the states of a step', () => {
  it.each(cells)('%s, when it is %s: %s', (from, event, to) => {
    const step = () => transition(states[from as StepState['status']], events[event as StepEvent['type']]);
    if (to === '-') expect(step).toThrow(`a step that is ${from} cannot be ${event}`);
    else expect(step()).toEqual(states[to as StepState['status']]);
  });

  it('are final where nothing may happen any more', () => {
    for (const state of Object.values(states))
      expect(isFinalState(state)).toBe(transitions[state.status].length === 0);
    expect(cells).toHaveLength(56);
  });
});

const failed = (after: 'fail' | 'continue' | 'goto', goesTo?: number): FollowedStep => ({
  state: { status: 'failed', error, output: null, after },
  goesTo,
});
const completed: FollowedStep = { state: { status: 'completed', output: 1 }, goesTo: undefined };
const skipped: FollowedStep = { state: { status: 'skipped', reason: 'when' }, goesTo: undefined };
const cancelled: FollowedStep = { state: { status: 'cancelled' }, goesTo: undefined };

describe('what is done with a step once all that it follows is final', () => {
  const cases: [string, readonly FollowedStep[], readonly number[], readonly number[], string][] = [
    ['it follows nothing', [], [], [], 'run'],
    ['all were completed', [completed, completed], [0, 1], [], 'run'],
    ['some were skipped', [completed, skipped], [0, 1], [], 'run'],
    ['all were skipped', [skipped, skipped], [0, 1], [], 'dependencies'],
    ['one failed and was gone on after', [failed('continue')], [0], [], 'run'],
    ['one failed, the other was skipped', [failed('continue'), skipped], [0, 1], [], 'run'],
    ['one failed for good', [completed, failed('fail')], [0, 1], [], 'cancel'],
    ['one was cancelled', [completed, cancelled], [0, 1], [], 'cancel'],
    ['one failed and went elsewhere', [completed, failed('goto', 9)], [0, 1], [], 'handled'],
    ['one failed, and its handler was completed', [failed('goto', 1), completed], [0, 1], [], 'run'],
    ['one failed, and its handler was skipped', [failed('goto', 1), skipped], [0, 1], [], 'handled'],
    ['it handles a failure', [failed('goto', 9)], [], [0], 'run with the error'],
    [
      'it handles one and follows a cancelled one',
      [failed('goto', 9), cancelled],
      [1],
      [0],
      'run with the error',
    ],
    ['there is nothing to handle', [completed], [], [0], 'not_needed'],
    ['there is nothing to handle, and it follows a completed one', [completed, completed], [1], [0], 'run'],
    ['what it handles was cancelled', [cancelled], [], [0], 'cancel'],
  ];
  it.each(cases)('where %s', (_where, followed, dependencies, handles, expected) => {
    const decision = decide({ dependencies, handles }, (place) => followed[place] ?? completed);
    const found =
      decision.kind === 'run'
        ? decision.error === undefined
          ? 'run'
          : 'run with the error'
        : decision.kind === 'skip'
          ? decision.reason
          : 'cancel';
    expect(found).toBe(expected);
  });
});

describe('journal keys', () => {
  it('lead back to the step, its element, iteration and try', () => {
    const element = stepKeys.element(stepKeys.inner(stepKeys.prefix('g[2]'), 'a'), 3);
    const key = stepKeys.attempt(stepKeys.iteration(element, 4), 2);
    expect(key).toBe('g[2]/a[3]#4:try:2');
    expect(readStepKey(key)).toEqual({
      path: ['g', 'a'],
      isAct: true,
      isTimeout: false,
      index: 3,
      iteration: 4,
      attempt: 2,
    });
    for (const beside of [stepKeys.approval, stepKeys.timeout, stepKeys.undo, stepKeys.delay])
      expect(readStepKey(beside('a#1'))).toMatchObject({ path: ['a'], isAct: false, iteration: 1 });
    expect(readStepKey(stepKeys.backoff('a', 2))).toMatchObject({ path: ['a'], isAct: false });
    expect(readStepKey(stepKeys.timeout('a:try:2'))).toMatchObject({
      isAct: false,
      isTimeout: true,
      attempt: 2,
    });
    expect(readStepKey('9:lives')).toBeUndefined();
  });

  it.each([
    ['a', 'b', true],
    ['b', 'a', false],
    ['a', 'a:try:2', true],
    ['a:try:2', 'a', false],
    ['a[1]', 'a[2]', false],
    ['a[1]', 'a[1]#1', true],
    ['a#2', 'a#1', false],
    ['a#1', 'a#2:approval', true],
    ['a', 'no step', true],
  ])('of %s may have decided %s: %s', (from, key, expected) => {
    const downstream = (id: string): ReadonlySet<string> => new Set(id === 'a' ? ['b'] : []);
    expect(isDownstreamOf({ downstream }, from, key)).toBe(expected);
  });
});
