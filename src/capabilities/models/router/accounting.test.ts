import { describe, expect, it } from 'vitest';
import type { Begun } from './dispatch.ts';
import { AppError } from '../../../base/index.ts';
import { createDispatcherGround, modelListOf, upstreamError } from '../../../testing/dispatcher-ground.ts';

const broken = upstreamError('model_unavailable', { status: 500 });
const two = [
  { id: 'a', order: 1 },
  { id: 'b', order: 2 },
];
const inOrder = { strategy: 'order' } as const;
const refusalOf = (code: 'rate_limited' | 'budget_exceeded', details: Record<string, unknown>): AppError =>
  new AppError(code, 'refused', { details });

describe('what was admitted', () => {
  it('is settled once, with what came of it', async () => {
    const ground = createDispatcherGround(modelListOf({ chat: two }, inOrder), { endings: { a: broken } });
    await ground.dispatch('chat');
    await ground.clock.advance(0);
    expect(ground.settled).toEqual([
      {
        deployment: 'a',
        status: 'model_unavailable',
        usage: undefined,
        estimated: false,
        durationMs: 0,
        firstTokenMs: undefined,
        attempts: 1,
      },
      {
        deployment: 'b',
        status: 'ok',
        usage: { inputTokens: 10, outputTokens: 5, costUsd: null },
        estimated: false,
        durationMs: 0,
        firstTokenMs: 0,
        attempts: 2,
      },
    ]);
    expect(ground.admitted.map(({ deployment }) => deployment.id)).toEqual(['a', 'b']);
    expect(ground.admitted[0]).toMatchObject({
      deadlineMs: ground.clock.now() + 120_000,
      inputTokens: 10,
      deployment: { group: 'chat', provider: 'openai', model: 'a-model' },
    });
    expect(ground.noted).toEqual([
      ['a', 'model_unavailable'],
      ['b', 'ok'],
    ]);
    expect(ground.clock.pending).toBe(0);
  });

  it('counts what parameters add, and the answers that they ask for', async () => {
    const params = { response_format: { schema: 'a'.repeat(5000) }, n: 4, max_tokens: 70 };
    const ground = createDispatcherGround(
      modelListOf({ chat: [{ id: 'a', order: 1 }], big: [{ id: 'b' }] }, inOrder),
      { endings: { a: broken } },
    );
    await ground.dispatch('chat', { answers: 2, fallbacks: [{ model: 'big', params }] });
    const [plain, filled] = ground.admitted;
    expect(plain).toMatchObject({ mostInputTokens: 40, answers: 2 });
    expect(filled?.answers).toBe(4);
    expect(filled?.mostInputTokens).toBeGreaterThan(5000);
    expect(plain?.maxOutputTokens).not.toBe(70);
    expect(filled?.maxOutputTokens).toBe(70);
  });

  it('is estimated where an answer broke off or never came: it may be on the bill', async () => {
    for (const code of ['upstream_error', 'timeout'] as const) {
      const ground = createDispatcherGround(modelListOf({ chat: two }, inOrder), {
        endings: { a: upstreamError(code, {}) },
      });
      await ground.dispatch('chat');
      expect(ground.settled[0]).toMatchObject({ status: code, usage: { inputTokens: 10 }, estimated: true });
    }
  });

  it('is settled when the caller leaves before and after the answer began', async () => {
    const ground = createDispatcherGround(modelListOf({ chat: two }, inOrder), { endings: { a: 'hang' } });
    for (const begun of [false, true]) {
      const controller = new AbortController();
      ground.endings['a'] = begun
        ? ({ signal }) =>
            Promise.resolve({
              value: 'a',
              done: new Promise((resolve) => {
                signal.addEventListener('abort', () =>
                  resolve({
                    status: 'cancelled',
                    usage: { inputTokens: 10, outputTokens: 3, costUsd: null },
                    estimated: true,
                  }),
                );
              }),
            })
        : 'hang';
      const answer = ground.dispatch('chat', { signal: controller.signal }).catch(() => 'left');
      await ground.clock.advance(40);
      controller.abort(new Error('gone'));
      await answer;
      await ground.clock.advance(0);
    }
    expect(
      ground.settled.map(({ status, usage, estimated }) => [status, usage?.outputTokens, estimated]),
    ).toEqual([
      ['cancelled', 0, true],
      ['cancelled', 3, true],
    ]);
    expect(ground.state('a')?.inFlight).toBe(0);
    expect(ground.clock.pending).toBe(0);
  });

  it('is settled even if an aborted answer does not say in time how it ended', async () => {
    const { promise: done, resolve: late } = Promise.withResolvers<Awaited<Begun<string>['done']>>();
    const ground = createDispatcherGround(modelListOf({ chat: two }, inOrder), {
      endings: { a: () => Promise.resolve({ value: 'a', done }) },
    });
    const controller = new AbortController();
    await ground.dispatch('chat', { signal: controller.signal });
    controller.abort(new Error('gone'));
    await ground.clock.advance(4999);
    expect(ground.settled).toHaveLength(0);
    await ground.clock.advance(1);
    expect(ground.settled).toMatchObject([{ status: 'cancelled', estimated: true }]);
    late({ status: 'ok', usage: undefined, estimated: false });
    await ground.clock.advance(200_000);
    expect(ground.settled).toHaveLength(1);
    expect(ground.state('a')?.inFlight).toBe(0);
  });

  it('does not spoil an answer when it cannot be settled', async () => {
    const ground = createDispatcherGround(modelListOf({ chat: two }, inOrder));
    ground.settled.push = () => {
      throw new TypeError('broken');
    };
    expect((await ground.dispatch('chat')).value).toBe('a');
    await ground.clock.advance(0);
    expect(ground.logger.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
    expect(ground.state('a')?.inFlight).toBe(0);
  });

  it('settles each of a thousand random attempts exactly once', async () => {
    const drafts = [{ id: 'a' }, { id: 'b' }, { id: 'c' }];
    const ground = createDispatcherGround(modelListOf({ chat: drafts }, { timeoutMs: 3000 }), { seed: 11 });
    let turn = 0;
    const ending = (): 'ok' | 'hang' | AppError => {
      turn += 1;
      return turn % 7 === 0 ? 'hang' : turn % 3 === 0 ? broken : 'ok';
    };
    for (const { id } of drafts) ground.endings[id] = ending;
    const answers: Promise<unknown>[] = [];
    for (let index = 0; index < 300; index += 1) {
      const controller = new AbortController();
      answers.push(ground.dispatch('chat', { signal: controller.signal }).catch(() => {}));
      if (index % 5 === 0) ground.clock.after(700, () => controller.abort(new Error('gone')));
      await ground.clock.advance(20);
    }
    await ground.clock.advance(60_000);
    await Promise.all(answers);
    expect(ground.settled).toHaveLength(ground.admitted.length);
    expect(ground.calls).toHaveLength(ground.admitted.length);
    expect(ground.dispatcher.states().map(({ inFlight }) => inFlight)).toEqual([0, 0, 0]);
    expect(ground.clock.pending).toBe(0);
  });
});

describe('refusals', () => {
  it('of the caller end the call at once and blame nobody', async () => {
    for (const code of ['rate_limited', 'budget_exceeded'] as const) {
      const ground = createDispatcherGround(
        modelListOf({ chat: two }, { ...inOrder, fallbacks: { chat: ['x/c'] } }),
      );
      const refusal = refusalOf(code, { subject: 'key:1', retryAfterMs: 1000 });
      ground.refuse(() => refusal);
      await expect(ground.dispatch('chat')).rejects.toBe(refusal);
      expect(ground.calls).toHaveLength(0);
      expect(ground.state('a')).toMatchObject({
        inFlight: 0,
        requests: 0,
        failures: 0,
        lastError: undefined,
      });
      expect(ground.clock.pending).toBe(0);
    }
  });

  it('of a deployment go on to its sibling without counting an attempt', async () => {
    const ground = createDispatcherGround(modelListOf({ chat: two }, inOrder));
    ground.refuse(({ deployment: { id } }) =>
      id === 'a'
        ? refusalOf('rate_limited', { deployment: 'a', limit: 'rpm', retryAfterMs: 30_000 })
        : undefined,
    );
    const { value, route } = await ground.dispatch('chat', { numRetries: 0 });
    expect(value).toBe('b');
    expect(route.attempts).toBe(1);
    expect(route.steps.map(({ picked, error }) => [picked, error?.code])).toEqual([
      ['a', 'rate_limited'],
      ['b', undefined],
    ]);
    expect(route.steps[1]?.considered[0]).toEqual({ deployment: 'a', verdict: 'limit' });
    expect(ground.state('a')).toMatchObject({ requests: 0, failures: 0, coolingUntilMs: undefined });
  });

  it('of all deployments are the soonest refusal, or a fallback', async () => {
    const ground = createDispatcherGround(modelListOf({ chat: two, backup: [{ id: 'c' }] }, inOrder));
    ground.refuse(({ deployment: { id } }) =>
      id === 'c'
        ? undefined
        : refusalOf('rate_limited', {
            deployment: id,
            limit: 'rpm',
            retryAfterMs: id === 'a' ? 30_000 : 9000,
          }),
    );
    await expect(ground.dispatch('chat')).rejects.toMatchObject({
      code: 'rate_limited',
      details: { retryAfterMs: 9000, attempts: 0 },
    });
    expect((await ground.dispatch('chat', { fallbacks: [{ model: 'backup' }] })).value).toBe('c');
  });

  it('for too many calls at once are waited out', async () => {
    const ground = createDispatcherGround(modelListOf({ chat: [{ id: 'a' }] }));
    let full = true;
    ground.refuse(() =>
      full ? refusalOf('rate_limited', { deployment: 'a', limit: 'parallel' }) : undefined,
    );
    const answer = ground.dispatch('chat');
    await ground.clock.advance(1200);
    full = false;
    await ground.clock.advance(500);
    expect((await answer).value).toBe('a');
    full = true;
    const failed = expect(ground.dispatch('chat', { timeoutMs: 2000 })).rejects.toMatchObject({
      code: 'rate_limited',
    });
    await ground.clock.advance(2000);
    await failed;
  });

  it('because the store is down end the call', async () => {
    const ground = createDispatcherGround(modelListOf({ chat: two }, { fallbacks: { chat: ['x/c'] } }));
    ground.refuse(() => new AppError('storage_unavailable', 'down'));
    await expect(ground.dispatch('chat')).rejects.toMatchObject({ code: 'storage_unavailable' });
    expect(ground.calls).toHaveLength(0);
  });
});

describe('instruments', () => {
  it('count calls, picks, retries, cool-downs, tokens', async () => {
    const ground = createDispatcherGround(modelListOf({ chat: two }, inOrder), {
      endings: { a: upstreamError('rate_limited', { status: 429 }) },
    });
    await ground.dispatch('chat');
    await ground.clock.advance(0);
    const values = async (name: keyof typeof ground.metrics): Promise<unknown[]> => {
      const instrument = ground.metrics[name] as unknown as {
        get(): Promise<{ values: { labels: unknown; value: number; metricName?: string }[] }>;
      };
      return (await instrument.get()).values.map(({ labels, value }) => [labels, value]);
    };
    expect(await values('modelPicks')).toEqual([
      [{ group: 'chat', deployment: 'a' }, 1],
      [{ group: 'chat', deployment: 'b' }, 1],
    ]);
    expect(await values('modelRetries')).toEqual([[{ group: 'chat', reason: 'RateLimit' }, 1]]);
    expect(await values('modelCooldowns')).toEqual([
      [{ group: 'chat', deployment: 'a', reason: 'RateLimit' }, 1],
    ]);
    expect(await values('modelsCooling')).toEqual([[{}, 1]]);
    expect(await values('modelRequests')).toEqual([
      [{ provider: 'openai', model: 'a-model', status: 'rate_limited' }, 1],
      [{ provider: 'openai', model: 'b-model', status: 'ok' }, 1],
    ]);
    expect(await values('modelTokens')).toHaveLength(2);
  });

  it('keep their labels bounded, whatever names callers invent', async () => {
    const ground = createDispatcherGround(modelListOf({}));
    for (let index = 0; index < 700; index += 1) await ground.dispatch(`x/${index}`);
    await ground.clock.advance(0);
    const { values } = await ground.metrics.modelRequests.get();
    expect(values.length).toBeLessThanOrEqual(501);
  });
});
