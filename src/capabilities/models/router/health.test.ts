import { describe, expect, it } from 'vitest';
import type { AppError } from '../../../base/index.ts';
import {
  createDispatcherGround,
  modelListOf,
  upstreamError,
  type DeploymentDraft,
  type Ending,
  type SettingsDraft,
} from '../../../testing/dispatcher-ground.ts';
import { classifyError } from './classify-error.ts';
import { SlidingWindow } from './sliding-window.ts';

const broken = upstreamError('model_unavailable', { status: 500 });
const dead = upstreamError('model_unavailable');
const limited = (retryAfterMs?: number): AppError =>
  upstreamError('rate_limited', { status: 429, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });

/** A ground in which each call makes one attempt, at `a` as long as `a` may be called. */
function single(
  ending: Ending,
  more: { settings?: SettingsDraft; a?: Partial<DeploymentDraft>; siblings?: number } = {},
) {
  const siblings = Array.from({ length: more.siblings ?? 1 }, (_one, index) => ({
    id: `b${index}`,
    order: 2,
  }));
  const ground = createDispatcherGround(
    modelListOf(
      { chat: [{ id: 'a', order: 1, ...more.a }, ...siblings] },
      { strategy: 'order', numRetries: 0, ...more.settings },
    ),
    { endings: { a: ending } },
  );
  return {
    ...ground,
    call: () =>
      ground.dispatch('chat').then(
        ({ value }) => value,
        (error: AppError) => error,
      ),
    cooling: () => ground.state('a')?.coolingUntilMs !== undefined,
  };
}

describe('which errors take a deployment out', () => {
  it.each<[string, AppError, boolean]>([
    ['429', limited(), true],
    ['401', upstreamError('model_rejected', { status: 401 }), true],
    ['404', upstreamError('model_rejected', { status: 404 }), true],
    ['no connection', dead, true],
    ['400', upstreamError('model_rejected', { status: 400 }), false],
    ['403', upstreamError('model_rejected', { status: 403 }), false],
    ['422', upstreamError('model_rejected', { status: 422 }), false],
    ['a context window', upstreamError('context_window_exceeded', { status: 400 }), false],
    ['a content policy', upstreamError('content_blocked', { status: 400 }), false],
    ['one 500', broken, false],
    ['one time-out', upstreamError('timeout', { status: 408 }), false],
  ])('%s at once: %j', async (_what, error, expected) => {
    const ground = single(error);
    await ground.call();
    expect(ground.cooling()).toBe(expected);
  });

  it.each<[string, AppError]>([
    ['no connection', dead],
    ['401', upstreamError('model_rejected', { status: 401 })],
    ['429 without a time', limited()],
    ['500', broken],
  ])('never the only deployment of a group without fallbacks: %s', async (_what, error) => {
    const ground = single(error, { siblings: 0 });
    for (let index = 0; index < 20; index += 1) await ground.call();
    expect(ground.called()).toHaveLength(20);
  });

  it('more than half of at least five', async () => {
    const turns: Ending[] = [broken, broken, broken, broken, 'ok', broken];
    const ground = single(() => (turns.shift() ?? 'ok') as 'ok');
    for (let index = 0; index < 4; index += 1) await ground.call();
    expect(ground.cooling()).toBe(false);
    await ground.call();
    // The fifth went well; what was too little to judge by is enough with the sixth.
    expect(ground.cooling()).toBe(false);
    await ground.call();
    expect(ground.cooling()).toBe(true);
  });

  it('exactly half does not', async () => {
    let turn = 0;
    const ground = single(() => ((turn += 1) % 2 === 0 ? broken : 'ok'));
    for (let index = 0; index < 40; index += 1) await ground.call();
    expect(ground.cooling()).toBe(false);
  });

  it('counts a burst across the end of a minute', async () => {
    const ground = single(broken);
    ground.clock.jumpTo(Date.UTC(2026, 0, 1, 0, 0, 59));
    for (let index = 0; index < 3; index += 1) await ground.call();
    await ground.clock.advance(2000);
    await ground.call();
    expect(ground.cooling()).toBe(false);
    await ground.call();
    expect(ground.cooling()).toBe(true);
  });

  it('forgets what is older than a minute', async () => {
    const ground = single(broken);
    for (let index = 0; index < 4; index += 1) await ground.call();
    await ground.clock.advance(61_000);
    await ground.call();
    expect(ground.cooling()).toBe(false);
    expect(ground.state('a')).toMatchObject({ requests: 1, failures: 1 });
  });

  it('keeps a lone deployment serving that fails three times in five', async () => {
    let turn = 0;
    const ground = single(() => ((turn += 1) % 5 < 3 ? broken : 'ok'), { siblings: 0 });
    const answers = [];
    for (let index = 0; index < 500; index += 1) answers.push(await ground.call());
    expect(ground.called()).toHaveLength(500);
    expect(answers.filter((answer) => answer === 'a')).toHaveLength(200);
  });

  it('takes out even a lone one when a thousand calls and all of them failed', async () => {
    const ground = single(broken, { siblings: 0 });
    for (let index = 0; index < 1000; index += 1) await ground.call();
    expect(ground.calls).toHaveLength(1000);
    expect(await ground.call()).toMatchObject({
      code: 'model_unavailable',
      details: { retryAfterMs: 5000, lastError: 'model_unavailable' },
    });
    expect(ground.calls).toHaveLength(1000);
  });

  it('leaves the last healthy deployment in, whatever its rate', async () => {
    const ground = single(broken);
    ground.endings['b0'] = broken;
    for (let index = 0; index < 30; index += 1) await ground.call();
    expect(ground.cooling()).toBe(true);
    expect(ground.state('b0')?.coolingUntilMs).toBeUndefined();
  });

  it('counts an answer that broke off after it had begun', async () => {
    const ground = single(() =>
      Promise.resolve({
        value: 'a',
        done: Promise.resolve({ status: 'upstream_error', usage: undefined, estimated: false }),
      }),
    );
    for (let index = 0; index < 5; index += 1) expect(await ground.call()).toBe('a');
    await ground.clock.advance(0);
    expect(ground.state('a')).toMatchObject({ requests: 5, failures: 5 });
    expect(ground.cooling()).toBe(true);
  });

  it('does not count what is the fault of the request', async () => {
    const ground = single(upstreamError('model_rejected', { status: 400 }));
    for (let index = 0; index < 10; index += 1) await ground.call();
    expect(ground.state('a')).toMatchObject({ requests: 10, failures: 0, lastError: undefined });
    expect(ground.cooling()).toBe(false);
  });

  it('does not blame a deployment for a caller who left', async () => {
    const ground = single('hang');
    for (let index = 0; index < 6; index += 1) {
      const controller = new AbortController();
      const answer = ground.dispatch('chat', { signal: controller.signal });
      const failed = expect(answer).rejects.toThrow('gone');
      await ground.clock.advance(10);
      controller.abort(new Error('gone'));
      await failed;
    }
    expect(ground.state('a')).toMatchObject({ requests: 0, failures: 0, inFlight: 0 });
    expect(ground.cooling()).toBe(false);
  });
});

describe('allowed failures', () => {
  it('are a number that is passed before a cool-down', async () => {
    const ground = single(broken, { settings: { allowedFails: 3 } });
    for (let index = 0; index < 3; index += 1) await ground.call();
    expect(ground.cooling()).toBe(false);
    await ground.call();
    expect(ground.cooling()).toBe(true);
  });

  it('are forgotten after a quiet time of a cool-down length', async () => {
    const ground = single(broken, { settings: { allowedFails: 1 } });
    for (let index = 0; index < 4; index += 1) {
      await ground.call();
      await ground.clock.advance(5001);
    }
    expect(ground.called()).toEqual(['a', 'a', 'a', 'a']);
  });

  it('differ by class of errors, and the others keep to the rules', async () => {
    const turns: AppError[] = [limited(), limited(), limited()];
    const ground = single(() => turns.shift() ?? broken, {
      settings: { allowedFailsPolicy: { RateLimit: 2 } },
    });
    await ground.call();
    await ground.call();
    expect(ground.cooling()).toBe(false);
    await ground.call();
    expect(ground.cooling()).toBe(true);
  });

  it('do not take out the last deployment either, unless a call could go on elsewhere', async () => {
    const alone = single(broken, { settings: { allowedFails: 0 }, siblings: 0 });
    await alone.call();
    expect(alone.cooling()).toBe(false);
    const covered = single(broken, {
      settings: { allowedFails: 0, fallbacks: { chat: ['spare'] } },
      siblings: 0,
    });
    await covered.call();
    expect(covered.cooling()).toBe(true);
    expect(await covered.call()).toBe('spare');
    expect(covered.called()).toEqual(['a', 'spare', 'spare']);
  });
});

describe('how long', () => {
  it.each<[string, AppError, SettingsDraft, Partial<DeploymentDraft>, number]>([
    ['the router says', limited(), { cooldownMs: 9000 }, {}, 9000],
    ['the deployment says', limited(), { cooldownMs: 9000 }, { cooldownMs: 2000 }, 2000],
    ['the other side asks', limited(7000), { cooldownMs: 2000 }, {}, 7000],
    [
      'the other side asks, if longer than the deployment says',
      limited(7000),
      {},
      { cooldownMs: 2000 },
      7000,
    ],
    [
      'the deployment says, if longer than the other side asks',
      limited(7000),
      {},
      { cooldownMs: 30_000 },
      30_000,
    ],
    ['not at all: switched off', limited(7000), { disableCooldowns: true }, {}, 0],
    ['not at all: no time', limited(), { cooldownMs: 0 }, {}, 0],
    ['not at all: no time for this one', limited(7000), {}, { cooldownMs: 0 }, 0],
    ['an hour at most', limited(86_400_000), {}, {}, 3_600_000],
  ])('as %s', async (_what, error, settings, a, expected) => {
    const ground = single(error, { settings, a });
    await ground.call();
    const until = ground.state('a')?.coolingUntilMs ?? ground.clock.now();
    expect(until - ground.clock.now()).toBe(expected);
  });

  it('makes no call for 7 s after a 429 with Retry-After: 7', async () => {
    const turns: AppError[] = [limited(7000)];
    const ground = single(() => turns.shift() ?? 'ok');
    const startMs = ground.clock.now();
    for (let second = 0; second < 70; second += 1) {
      expect(typeof (await ground.call())).toBe(second === 0 ? 'object' : 'string');
      await ground.clock.advance(100);
    }
    await ground.call();
    const atA = ground.calls.filter(({ deployment }) => deployment === 'a').map(({ atMs }) => atMs - startMs);
    expect(atA).toEqual([0, 7000]);
  });
});

describe('after a cool-down', () => {
  it('one call tries the deployment while the others go on to siblings', async () => {
    const turns: Ending[] = [limited(), 'hang'];
    const ground = single(() => (turns.shift() ?? 'ok') as 'ok');
    await ground.call();
    await ground.clock.advance(5000);
    void ground.call();
    expect(await ground.call()).toBe('b0');
    expect(await ground.call()).toBe('b0');
    expect(ground.called()).toEqual(['a', 'a', 'b0', 'b0']);
  });

  it('a success opens it again, another failure closes it at once', async () => {
    const turns: Ending[] = [limited(), broken, 'ok'];
    const ground = single(() => (turns.shift() ?? 'ok') as 'ok');
    await ground.call();
    await ground.clock.advance(5000);
    await ground.call();
    expect(ground.cooling()).toBe(true);
    expect(await ground.call()).toBe('b0');
    await ground.clock.advance(5000);
    expect(await ground.call()).toBe('a');
    expect(await ground.call()).toBe('a');
    expect(ground.logger.lines.some(({ message }) => message === 'a deployment is well again')).toBe(true);
  });

  it('a caller who leaves gives the trial back', async () => {
    const turns: Ending[] = [limited(), 'hang'];
    const ground = single(() => (turns.shift() ?? 'ok') as 'ok');
    await ground.call();
    await ground.clock.advance(5000);
    const controller = new AbortController();
    const left = ground.dispatch('chat', { signal: controller.signal }).catch(() => 'left');
    await ground.clock.advance(1);
    controller.abort(new Error('gone'));
    expect(await left).toBe('left');
    expect(await ground.call()).toBe('a');
  });

  it('a refused request proves that somebody answers', async () => {
    const turns: Ending[] = [limited(), upstreamError('model_rejected', { status: 400 })];
    const ground = single(() => (turns.shift() ?? 'ok') as 'ok');
    await ground.call();
    await ground.clock.advance(5000);
    await ground.call();
    expect(await ground.call()).toBe('a');
  });

  it('everybody may try when there is nobody else', async () => {
    const turns: Ending[] = [limited(), 'hang', 'ok'];
    const ground = single(() => (turns.shift() ?? 'ok') as 'ok');
    ground.endings['b0'] = limited(60_000);
    await ground.call();
    await ground.call();
    await ground.clock.advance(5000);
    void ground.call();
    await ground.clock.advance(1);
    expect(await ground.call()).toBe('a');
  });
});

describe('state', () => {
  it('survives a new list as long as the id is in it, and is forgotten later', async () => {
    const ground = single(limited(600_000));
    await ground.call();
    ground.reload(modelListOf({ other: [{ id: 'a', weight: 5 }, { id: 'c' }] }));
    expect(ground.cooling()).toBe(true);
    expect(ground.explain('other')[0]?.considered[0]?.verdict).toBe('cooled-down');
    ground.reload(modelListOf({ other: [{ id: 'c' }] }));
    expect(ground.state('a')).toBeUndefined();
    ground.reload(modelListOf({ other: [{ id: 'a' }] }));
    expect(ground.cooling()).toBe(true);
    ground.reload(modelListOf({ other: [{ id: 'c' }] }));
    ground.explain('other');
    await ground.clock.advance(700_000);
    ground.reload(modelListOf({ other: [{ id: 'd' }] }));
    ground.explain('other');
    ground.reload(modelListOf({ other: [{ id: 'a' }] }));
    expect(ground.state('a')).toMatchObject({ requests: 0, lastError: undefined });
  });

  it('of names that callers invent does not grow for ever', async () => {
    const ground = createDispatcherGround(modelListOf({}));
    for (let index = 0; index < 2000; index += 1) {
      await ground.dispatch(`openai/model-${index}`);
      await ground.clock.advance(1000);
    }
    expect(ground.dispatcher.states().length).toBeLessThan(600);
  });

  it('tells rates, errors and latency', async () => {
    const turns: Ending[] = [limited(3000)];
    const ground = single(() => (turns.shift() ?? 'ok') as 'ok');
    await ground.call();
    expect(ground.state('a')).toMatchObject({
      inFlight: 0,
      coolingUntilMs: ground.clock.now() + 3000,
      lastError: { code: 'rate_limited', atMs: ground.clock.now() },
      requests: 1,
      failures: 1,
      firstTokenMs: undefined,
    });
    expect(await ground.call()).toBe('b0');
    expect(ground.state('b0')).toMatchObject({ requests: 1, failures: 0, firstTokenMs: 0 });
  });
});

describe('classes of errors', () => {
  it.each<[AppError, string, boolean]>([
    [upstreamError('model_rejected'), 'BadRequest', false],
    [upstreamError('model_rejected', { status: 401 }), 'Authentication', true],
    [upstreamError('model_rejected', { status: 403 }), 'Authentication', false],
    [upstreamError('model_rejected', { status: 404 }), 'NotFound', true],
    [limited(), 'RateLimit', true],
    [upstreamError('timeout', { status: 504 }), 'Timeout', true],
    [upstreamError('timeout'), 'Timeout', true],
    [broken, 'InternalServer', true],
    [upstreamError('model_unavailable', { status: 503 }), 'ServiceUnavailable', true],
    [dead, 'ServiceUnavailable', true],
    [upstreamError('upstream_error'), 'InternalServer', true],
    [upstreamError('internal'), 'InternalServer', true],
    [upstreamError('content_blocked'), 'ContentPolicyViolation', false],
    [upstreamError('context_window_exceeded'), 'ContextWindowExceeded', false],
  ])('%s', (error, kind, blames) => {
    expect(classifyError(error)).toMatchObject({ class: kind, blames });
  });
});

describe('sliding window', () => {
  it('holds a minute in ten buckets, whatever the pace', () => {
    const window = new SlidingWindow();
    const reference: { atMs: number; count: number }[] = [];
    let nowMs = Date.UTC(2026, 0, 1);
    for (let index = 1; index < 2000; index += 1) {
      nowMs += (index * 7919) % 9000;
      window.add('requests', index % 5, nowMs);
      reference.push({ atMs: nowMs, count: index % 5 });
      const oldest = (Math.floor(nowMs / 6000) - 9) * 6000;
      const expected = reference
        .filter(({ atMs }) => atMs >= oldest)
        .reduce((sum, { count }) => sum + count, 0);
      expect(window.requests).toBe(expected);
    }
  });

  it('pays no heed to a clock that was set back', () => {
    const window = new SlidingWindow();
    window.add('failures', 1, 600_000);
    window.add('failures', 1, 100_000);
    expect(window.failures).toBe(2);
    window.advance(700_000);
    expect(window.failures).toBe(0);
  });
});
