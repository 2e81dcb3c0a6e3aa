import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../base/index.ts';
import type { AnswerStore, KeptAnswer } from '../../capabilities/models/cache/answer-store.ts';
import type { CachedAnswer } from '../../capabilities/models/gateway/answer-cache.ts';

/** A store with the clock that it goes by. */
export interface AnswerStoreFixture {
  readonly store: AnswerStore;
  readonly clock: Clock;
  /** Lets time pass. */
  pass(milliseconds: number): Promise<void>;
  close(): Promise<void>;
}

const origin = {
  deployment: 'd',
  group: 'g',
  provider: 'p',
  model: 'm',
  usage: { inputTokens: 3, outputTokens: 4, costUsd: 0.5, cachedInputTokens: 1 },
};

/** What every place where answers are kept must do. */
export function answerStoreContract(name: string, open: () => Promise<AnswerStoreFixture>): void {
  describe(`${name} keeps answers`, () => {
    let fixture: AnswerStoreFixture;
    beforeEach(async () => {
      fixture = await open();
    });
    afterEach(() => fixture.close());

    const { signal } = new AbortController();
    const keep = (tenant: string, key: string, answer: CachedAnswer, ttlMs = 60_000): void => {
      const storedMs = fixture.clock.now();
      fixture.store.set(tenant, key, { answer, storedMs, expiresMs: storedMs + ttlMs });
    };
    const get = (tenant: string, key: string): Promise<KeptAnswer | undefined> =>
      fixture.store.get(tenant, key, signal);
    const found = (tenant: string, key: string) => expect.poll(() => get(tenant, key));
    const bytes = (body: Uint8Array): CachedAnswer => ({
      ...origin,
      kind: 'bytes',
      contentType: 'text/event-stream',
      body,
    });

    it('of every kind, to the byte', async () => {
      const answers: readonly CachedAnswer[] = [
        bytes(Buffer.from('data: {"a":"Grüße 👋"}\r\n\r\ndata: [DONE]\n\n')),
        bytes(Uint8Array.from([0, 255, 128, 10])),
        {
          ...origin,
          kind: 'events',
          events: [
            { type: 'text-delta', text: 'Grüße' },
            { type: 'tool-call', call: { id: 'c', name: 'f', arguments: { a: [1, null] } } },
            { type: 'finish', finishReason: 'tool-calls', usage: origin.usage, model: 'm', extra: { x: 1 } },
          ],
        },
        { ...origin, kind: 'vectors', vectors: [[0.1, -2], [3]] },
      ];
      for (const [index, answer] of answers.entries()) {
        keep('t', `k${index}`, answer);
        await found('t', `k${index}`).toBeDefined();
        const kept = (await get('t', `k${index}`))?.answer;
        if (answer.kind === 'bytes' && kept?.kind === 'bytes') {
          expect(Buffer.from(kept.body).equals(Buffer.from(answer.body))).toBe(true);
          expect({ ...kept, body: 0 }).toEqual({ ...answer, body: 0 });
        } else expect(kept).toEqual(answer);
      }
    });

    it('for one tenant only, whatever its name is', async () => {
      keep('a', 'k', bytes(Buffer.from('of a')));
      await found('a', 'k').toBeDefined();
      for (const tenant of ['b', 'a:k', 'a:', '', '"a"', 'A']) expect(await get(tenant, 'k')).toBeUndefined();
      expect(await get('a', 'other')).toBeUndefined();
    });

    it('until they expire', async () => {
      keep('t', 'short', bytes(Buffer.from('x')), 400);
      keep('t', 'long', bytes(Buffer.from('x')), 60_000);
      await found('t', 'long').toBeDefined();
      await fixture.pass(500);
      expect(await get('t', 'short')).toBeUndefined();
      expect(await get('t', 'long')).toBeDefined();
    });

    it('until the tenant is cleared; what comes later is kept again', async () => {
      keep('t', 'k', bytes(Buffer.from('old')));
      keep('other', 'k', bytes(Buffer.from('kept')));
      await found('t', 'k').toBeDefined();
      await found('other', 'k').toBeDefined();
      await fixture.store.clear('t');
      expect(await get('t', 'k')).toBeUndefined();
      expect(await get('other', 'k')).toBeDefined();
      await fixture.pass(5);
      keep('t', 'k', bytes(Buffer.from('new')));
      await found('t', 'k').toBeDefined();
    });
  });
}
