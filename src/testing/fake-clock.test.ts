import { describe, expect, it } from 'vitest';
import { FakeClock } from './fake-clock.ts';

describe('FakeClock', () => {
  it('fires timers in order of their due time and not before it', async () => {
    const clock = new FakeClock(0);
    const fired: string[] = [];
    clock.after(20, () => fired.push(`b@${clock.now()}`));
    clock.after(10, () => fired.push(`a@${clock.now()}`));
    await clock.advance(9);
    expect(fired).toEqual([]);
    await clock.advance(11);
    expect(fired).toEqual(['a@10', 'b@20']);
    expect(clock.pending).toBe(0);
  });

  it('lets code between two sleeps run while it is advanced', async () => {
    const clock = new FakeClock(0);
    const seen: number[] = [];
    const work = (async () => {
      for (let index = 0; index < 3; index += 1) {
        await clock.sleep(100);
        seen.push(clock.now());
      }
    })();
    await clock.advance(300);
    await work;
    expect(seen).toEqual([100, 200, 300]);
  });

  it('repeats until it is cancelled', async () => {
    const clock = new FakeClock(0);
    let count = 0;
    const stop = clock.every(10, () => (count += 1));
    await clock.advance(35);
    stop();
    await clock.advance(100);
    expect(count).toBe(3);
  });

  it('rejects a sleep with the reason of its signal and forgets the timer', async () => {
    const clock = new FakeClock();
    const controller = new AbortController();
    const sleep = clock.sleep(1000, { signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(sleep).rejects.toThrow('enough');
    expect(clock.pending).toBe(0);
  });

  it('tells when code has begun to wait', async () => {
    const clock = new FakeClock();
    const waiting = clock.untilPending(1);
    clock.after(5, () => {});
    await waiting;
    expect(clock.pending).toBe(1);
  });
});
