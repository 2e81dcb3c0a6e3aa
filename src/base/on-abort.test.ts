import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { onAbort } from './on-abort.ts';

describe('whoever listens for an abort', () => {
  it('is called once, unless it left', () => {
    const controller = new AbortController();
    const calls: string[] = [];
    onAbort(controller.signal, () => calls.push('stays'));
    const leave = onAbort(controller.signal, () => calls.push('leaves'));
    leave();
    leave();
    controller.abort();
    controller.abort();
    expect(calls).toEqual(['stays']);
  });

  it('is called at once when the signal has aborted', () => {
    const calls: string[] = [];
    onAbort(AbortSignal.abort(), () => calls.push('now'));
    expect(calls).toEqual(['now']);
  });

  it('counts each time that the same function listens', () => {
    const controller = new AbortController();
    let calls = 0;
    const listener = (): void => void (calls += 1);
    onAbort(controller.signal, listener);
    onAbort(controller.signal, listener)();
    controller.abort();
    expect(calls).toBe(1);
  });

  it('costs the signal one listener, however many there are', () => {
    const controller = new AbortController();
    for (let count = 0; count < 1000; count += 1) onAbort(controller.signal, () => {});
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
  });
});
