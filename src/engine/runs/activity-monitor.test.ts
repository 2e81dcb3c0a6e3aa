import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../testing/index.ts';
import { ActivityMonitor, type RunActivity } from './activity-monitor.ts';

/** A tree whose root has begun and is being waited for, as in an execution. */
function createTree() {
  const clock = new FakeClock();
  const monitor = new ActivityMonitor(clock);
  const suspended: string[] = [];
  const join = (runId: string, parent?: { runId: string; key: string }): RunActivity =>
    monitor.join({ runId, parent, onSuspend: () => void suspended.push(runId) });
  const root = join('root');
  monitor.change(-1);
  return { clock, monitor, root, join, suspended };
}

const nothingYet = () => Promise.resolve({ dueAt: null });

describe('the activity of a tree of runs', () => {
  it('leaves memory a moment after nothing but waits is left', async () => {
    const { clock, monitor, root, suspended } = createTree();
    void root.until({ runId: 'root', key: 'ask' }, nothingYet);
    await clock.advance(9);
    expect(suspended).toEqual([]);
    await clock.advance(1);
    expect(suspended).toEqual(['root']);
    expect(monitor.waits).toEqual([{ runId: 'root', key: 'ask' }]);
    expect(clock.pending).toBe(0);
  });

  it('stays while a run has not come to its first step, or has nothing to wait for', async () => {
    const { clock, root, join, suspended } = createTree();
    await clock.advance(1000);
    void root.until({ runId: 'root', key: 'ask' }, nothingYet);
    const child = join('child', { runId: 'root', key: 'c' });
    await clock.advance(1000);
    expect(suspended).toEqual([]);
    await child.busy(() => Promise.resolve());
    await clock.advance(1000);
    expect(suspended.toSorted()).toEqual(['child', 'root']);
  });

  it('stays while anything of any run is under way, and answers waits meanwhile', async () => {
    const { clock, monitor, root, join, suspended } = createTree();
    const child = join('child', { runId: 'root', key: 'c' });
    child.change(1);
    let word: string | undefined;
    const heard = root.until({ runId: 'root', key: 'ask' }, () =>
      Promise.resolve(word === undefined ? { dueAt: null } : { value: word }),
    );
    await clock.advance(5000);
    expect(suspended).toEqual([]);
    word = 'hello';
    monitor.signalled([{ runId: 'root', key: 'ask' }]);
    expect(await heard).toBe('hello');
    child.change(-1);
    await clock.advance(1000);
    // Nothing is waited for: the executor is about to come back.
    expect(suspended).toEqual([]);
  });

  it('looks again when a wait is due, also when the clock is set meanwhile', async () => {
    const { clock, root } = createTree();
    root.change(1);
    const looks: number[] = [];
    const start = clock.now();
    const dueAt = new Date(start + 40_000);
    const due = root.until({ runId: 'root', key: 'nap' }, () => {
      looks.push(clock.now() - start);
      return Promise.resolve(clock.now() >= dueAt.getTime() ? { value: true } : { dueAt });
    });
    await clock.advance(35_000);
    expect(looks).toEqual([0]);
    clock.jumpTo(start + 3_600_000);
    await clock.advance(0);
    expect(await due).toBe(true);
    expect(looks).toEqual([0, 3_600_000]);
  });

  it('wakes only the waits that are named', async () => {
    const { clock, monitor, root } = createTree();
    root.change(1);
    const looks = { a: 0, b: 0 };
    for (const key of ['a', 'b'] as const) {
      void root.until({ runId: 'root', key }, () => {
        looks[key] += 1;
        return nothingYet();
      });
    }
    await clock.advance(1);
    monitor.signalled([
      { runId: 'root', key: 'b' },
      { runId: 'other', key: 'a' },
    ]);
    await clock.advance(1);
    expect(looks).toEqual({ a: 1, b: 2 });
  });

  it('does not miss what comes while it looks', async () => {
    const { clock, monitor, root } = createTree();
    root.change(1);
    let looks = 0;
    const heard = root.until({ runId: 'root', key: 'ask' }, () => {
      looks += 1;
      // Told after this look has read and before it is over.
      if (looks === 1) monitor.signalled([{ runId: 'root', key: 'ask' }]);
      return Promise.resolve(looks === 2 ? { value: looks } : { dueAt: null });
    });
    await clock.advance(0);
    expect(await heard).toBe(2);
  });

  it('answers nothing in place any more once it has left memory', async () => {
    const { clock, monitor, root, suspended } = createTree();
    let looks = 0;
    void root.until({ runId: 'root', key: 'ask' }, () => {
      looks += 1;
      return nothingYet();
    });
    await clock.advance(10);
    expect(suspended).toEqual(['root']);
    monitor.signalled([{ runId: 'root', key: 'ask' }]);
    await clock.advance(60_000);
    expect(looks).toBe(1);
  });

  it('forgets the waits of a run that came back without them', async () => {
    const { clock, monitor, root, join, suspended } = createTree();
    const child = join('child', { runId: 'root', key: 'c' });
    root.change(1);
    void child.until({ runId: 'child', key: 'left' }, nothingYet);
    await clock.advance(1);
    child.leave();
    expect(monitor.waits).toEqual([]);
    root.change(-1);
    await clock.advance(60_000);
    expect(suspended).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('says for each run what it waits for, below its children too', () => {
    const { monitor, root, join } = createTree();
    const child = join('child', { runId: 'root', key: 'delegate' });
    const inner = join('inner', { runId: 'child', key: 'step:2' });
    void root.until({ runId: 'root', key: 'nap' }, nothingYet);
    void child.until({ runId: 'child', key: 'ask' }, nothingYet);
    void inner.until({ runId: 'inner', key: 'sign' }, nothingYet);
    expect(monitor.waitingFor('inner')).toEqual(['sign']);
    expect(monitor.waitingFor('child')).toEqual(['ask', 'step:2/sign']);
    expect(monitor.waitingFor('root')).toEqual(['nap', 'delegate/ask', 'delegate/step:2/sign']);
  });

  it('a look that fails is the failure of the wait, and no longer under way', async () => {
    const { clock, root, suspended } = createTree();
    const failed = root.until({ runId: 'root', key: 'a' }, () => Promise.reject(new Error('away')));
    await expect(failed).rejects.toThrow('away');
    void root.until({ runId: 'root', key: 'b' }, nothingYet);
    await clock.advance(10);
    expect(suspended).toEqual(['root']);
  });
});
