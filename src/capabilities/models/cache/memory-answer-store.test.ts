import { expect, it } from 'vitest';
import { answerStoreContract } from '../../../testing/contracts/index.ts';
import { FakeClock } from '../../../testing/fake-clock.ts';
import type { CachedAnswer } from '../gateway/answer-cache.ts';
import { MemoryAnswerStore } from './memory-answer-store.ts';

answerStoreContract('memory', () => {
  const clock = new FakeClock();
  return Promise.resolve({
    store: new MemoryAnswerStore({ clock, maxBytes: () => 1_000_000 }),
    clock,
    pass: (milliseconds) => clock.advance(milliseconds),
    close: () => Promise.resolve(),
  });
});

it('never takes more memory than it may; what was used longest ago goes first', async () => {
  const clock = new FakeClock();
  let maxBytes = 50_000;
  const store = new MemoryAnswerStore({ clock, maxBytes: () => maxBytes });
  const set = (key: string, size: number): void => {
    const usage = { inputTokens: 1, outputTokens: 1, costUsd: null };
    const answer: CachedAnswer = {
      deployment: 'd',
      group: 'g',
      provider: 'p',
      model: 'm',
      usage,
      kind: 'bytes',
      contentType: 't',
      body: Buffer.alloc(size),
    };
    store.set('t', key, { answer, storedMs: clock.now(), expiresMs: clock.now() + 60_000 });
  };
  for (let index = 0; index < 100; index += 1) {
    set(`k${index}`, 4000);
    // Used again and again.
    expect(await store.get('t', 'k0')).toBeDefined();
    expect(store.bytes).toBeLessThanOrEqual(50_000);
  }
  expect(await store.get('t', 'k1')).toBeUndefined();
  expect(await store.get('t', 'k99')).toBeDefined();
  set('k99', 5000);
  set('huge', 60_000);
  expect(await store.get('t', 'huge')).toBeUndefined();
  expect(await store.get('t', 'k99')).toBeDefined();
  maxBytes = 10_000;
  set('after', 100);
  expect(store.bytes).toBeLessThanOrEqual(10_000);
  await store.clear('t');
  expect(store.bytes).toBe(0);
});
