import { describe, expect, it } from 'vitest';
import {
  createDispatcherGround,
  modelListOf,
  upstreamError,
  type SettingsDraft,
} from '../../../testing/dispatcher-ground.ts';
import type { AppError } from '../../../base/index.ts';

const broken = upstreamError('model_unavailable', { status: 500 });
const tooLong = upstreamError('context_window_exceeded', { status: 400 });
const blocked = upstreamError('content_blocked', { status: 400 });
const refused = upstreamError('model_rejected', { status: 400 });
const names = ['chat', 'backup', 'second', 'large', 'tame', 'safe'];
const groups = Object.fromEntries(names.map((name) => [name, [{ id: `${name}-1` }]]));

function groundOf(settings: SettingsDraft, errors: Readonly<Record<string, AppError>>) {
  return createDispatcherGround(modelListOf(groups, settings, { fast: 'backup' }), {
    endings: Object.fromEntries(Object.entries(errors).map(([name, error]) => [`${name}-1`, error])),
  });
}

describe('falling back', () => {
  it('leaves out models that the caller may not use, in calls and in what explains them', async () => {
    const ground = groundOf({ fallbacks: { chat: ['backup', 'safe'] } }, { chat: broken });
    const permits = (model: string): boolean => model !== 'backup';
    expect((await ground.dispatch('chat', { permits })).route.groups).toEqual(['chat', 'safe']);
    const steps = ground.explain('chat', { permits });
    expect(steps.map(({ group }) => group)).toEqual(['chat', 'safe']);
    await expect(ground.dispatch('chat', { permits: () => false, numRetries: 0 })).rejects.toMatchObject({
      code: 'model_unavailable',
    });
  });

  it.each<[string, SettingsDraft, Record<string, AppError>, string[]]>([
    ['to a group', { fallbacks: { chat: ['backup'] } }, { chat: broken }, ['chat', 'backup']],
    [
      'in order',
      { fallbacks: { chat: ['backup', 'second'] } },
      { chat: broken, backup: broken },
      ['chat', 'backup', 'second'],
    ],
    [
      'on from a fallback',
      { fallbacks: { chat: ['backup', 'safe'], backup: ['second'] } },
      { chat: broken, backup: broken },
      ['chat', 'backup', 'second'],
    ],
    [
      'and back to the first list',
      { fallbacks: { chat: ['backup', 'safe'], backup: ['second'] } },
      { chat: broken, backup: broken, second: broken },
      ['chat', 'backup', 'second', 'safe'],
    ],
    ['to an alias', { fallbacks: { chat: ['fast'] } }, { chat: broken }, ['chat', 'backup']],
    [
      'never to itself or in a circle',
      { fallbacks: { chat: ['chat', 'backup'], backup: ['chat', 'second'] } },
      { chat: broken, backup: broken },
      ['chat', 'backup', 'second'],
    ],
    [
      'by `*`',
      { fallbacks: { '*': ['backup'] }, defaultFallbacks: ['safe'] },
      { chat: broken },
      ['chat', 'backup'],
    ],
    [
      'by default',
      { fallbacks: { other: ['backup'] }, defaultFallbacks: ['safe'] },
      { chat: broken },
      ['chat', 'safe'],
    ],
    [
      'by its own list before `*`',
      { fallbacks: { chat: ['backup'], '*': ['safe'] } },
      { chat: broken },
      ['chat', 'backup'],
    ],
    [
      'for a context window',
      { fallbacks: { chat: ['backup'] }, contextWindowFallbacks: { chat: ['large'] } },
      { chat: tooLong },
      ['chat', 'large'],
    ],
    [
      'for a content policy',
      { fallbacks: { chat: ['backup'] }, contentPolicyFallbacks: { chat: ['tame'] } },
      { chat: blocked },
      ['chat', 'tame'],
    ],
    [
      'generally where there is no special list',
      { fallbacks: { chat: ['backup'] } },
      { chat: tooLong },
      ['chat', 'backup'],
    ],
    [
      'generally for other errors',
      { fallbacks: { chat: ['backup'] }, contextWindowFallbacks: { chat: ['large'] } },
      { chat: broken },
      ['chat', 'backup'],
    ],
    [
      'also when the request was refused',
      { fallbacks: { chat: ['backup'] } },
      { chat: refused },
      ['chat', 'backup'],
    ],
    [
      'past one that nobody knows',
      { fallbacks: { chat: ['nowhere', 'backup'] } },
      { chat: broken },
      ['chat', 'backup'],
    ],
    [
      'at once, without further attempts',
      { fallbacks: { chat: ['backup'] }, numRetries: 5 },
      { chat: broken },
      ['chat', 'backup'],
    ],
  ])('%s', async (_what, settings, errors, expected) => {
    const ground = groundOf(settings, errors);
    const startMs = ground.clock.now();
    const { route, value } = await ground.dispatch('chat');
    expect(route.groups).toEqual(expected);
    expect(value).toBe(`${expected.at(-1)}-1`);
    expect(ground.called()).toEqual(expected.map((name) => `${name}-1`));
    expect(ground.clock.now()).toBe(startMs);
    const counted = await ground.metrics.modelFallbacks.get();
    expect(counted.values.map(({ labels }) => labels['to'])).toEqual(expected.slice(1));
  });

  it('finds a list by the name without its provider', async () => {
    const ground = createDispatcherGround(modelListOf({}, { fallbacks: { 'gpt-5': ['x/backup'] } }), {
      endings: { 'openai/gpt-5': broken },
    });
    expect((await ground.dispatch('openai/gpt-5')).value).toBe('x/backup');
  });

  it('goes no deeper than allowed', async () => {
    const all = { chat: broken, backup: broken, second: broken, large: broken };
    const ground = groundOf(
      { fallbacks: { chat: ['backup', 'second', 'large', 'safe'] }, maxFallbacks: 2 },
      all,
    );
    const failed = expect(ground.dispatch('chat')).rejects.toMatchObject({
      details: { groups: ['chat', 'backup', 'second'] },
    });
    await ground.clock.advance(20_000);
    await failed;
    const none = groundOf({ fallbacks: { chat: ['backup'] }, maxFallbacks: 0, numRetries: 0 }, all);
    await expect(none.dispatch('chat')).rejects.toMatchObject({ details: { groups: ['chat'] } });
  });

  it('ends with the last error', async () => {
    const ground = groundOf(
      { fallbacks: { chat: ['backup'] } },
      { chat: broken, backup: upstreamError('model_rejected', { status: 401 }) },
    );
    await expect(ground.dispatch('chat')).rejects.toMatchObject({
      code: 'model_rejected',
      details: { status: 401, attempts: 2, groups: ['chat', 'backup'] },
    });
  });

  it('tries those of the request before those of the list', async () => {
    const ground = groundOf({ fallbacks: { chat: ['backup'] } }, { chat: broken, second: broken });
    const { route } = await ground.dispatch('chat', { fallbacks: [{ model: 'second' }] });
    expect(route.groups).toEqual(['chat', 'second', 'backup']);
  });

  it('overrides parameters', async () => {
    const ground = createDispatcherGround(
      modelListOf(
        { chat: [{ id: 'a' }], backup: [{ id: 'b', params: { temperature: 1, seed: 7 } }] },
        { fallbacks: { chat: [{ model: 'backup', params: { temperature: 0 } }] } },
      ),
      { endings: { a: broken } },
    );
    await ground.dispatch('chat');
    expect(ground.calls.map(({ io }) => [io.params, io.overrides])).toEqual([
      [{}, undefined],
      [{ temperature: 1, seed: 7 }, { temperature: 0 }],
    ]);
  });

  it('to the id of a deployment pays no heed to its cool-down', async () => {
    const ground = createDispatcherGround(
      modelListOf(
        { chat: [{ id: 'a' }], backup: [{ id: 'b' }, { id: 'c' }] },
        { fallbacks: { chat: ['b'] }, numRetries: 0 },
      ),
      { endings: { a: broken, b: upstreamError('rate_limited', { retryAfterMs: 60_000 }) } },
    );
    await expect(ground.dispatch('b')).rejects.toThrow();
    ground.endings['b'] = 'ok';
    expect(ground.state('b')?.coolingUntilMs).toBeDefined();
    expect((await ground.dispatch('chat')).value).toBe('b');
  });

  it('does not follow what any model would say', async () => {
    for (const code of ['invalid_request', 'egress_denied', 'cancelled'] as const) {
      const ground = groundOf({ fallbacks: { chat: ['backup'] } }, { chat: upstreamError(code) });
      await expect(ground.dispatch('chat')).rejects.toMatchObject({ code });
      expect(ground.called()).toEqual(['chat-1']);
    }
  });

  it('never happens once an answer has begun', async () => {
    const ground = createDispatcherGround(
      modelListOf({ chat: [{ id: 'a' }, { id: 'b' }] }, { fallbacks: { chat: ['x/c'] } }),
    );
    const ending = () =>
      Promise.resolve({
        value: 'half an answer',
        done: Promise.resolve({ status: 'upstream_error', usage: undefined, estimated: false }),
      });
    ground.endings['a'] = ending;
    ground.endings['b'] = ending;
    expect((await ground.dispatch('chat')).value).toBe('half an answer');
    await ground.clock.advance(60_000);
    expect(ground.calls).toHaveLength(1);
  });

  it('follows when nobody of a group suits: context windows, tags, limits', async () => {
    const ground = createDispatcherGround(
      modelListOf(
        {
          chat: [{ id: 'a', contextWindow: 100, tags: ['x'] }],
          large: [{ id: 'l', contextWindow: 100_000, tags: ['default'] }],
          backup: [{ id: 'b', tags: ['default'] }],
        },
        {
          preCallChecks: true,
          tagFiltering: true,
          fallbacks: { chat: ['backup'] },
          contextWindowFallbacks: { chat: ['large'] },
        },
      ),
    );
    expect((await ground.dispatch('chat', { inputTokens: 5000, tags: ['x'] })).value).toBe('l');
    expect((await ground.dispatch('chat', { tags: ['y'] })).value).toBe('b');
    expect(ground.called()).toEqual(['l', 'b']);
  });

  it('waits for an explicit number of retries before it falls back, and for a class of its own', async () => {
    const ground = createDispatcherGround(
      modelListOf(
        { chat: [{ id: 'a', numRetries: 1 }], backup: [{ id: 'b' }] },
        { fallbacks: { chat: ['backup'] } },
      ),
      { endings: { a: broken } },
    );
    const answer = ground.dispatch('chat');
    await ground.clock.advance(500);
    expect((await answer).value).toBe('b');
    expect(ground.called()).toEqual(['a', 'a', 'b']);
  });
});

describe('making attempts fail on purpose', () => {
  it('goes through retries and fallbacks without calling anybody or blaming anyone', async () => {
    const ground = createDispatcherGround(
      modelListOf(
        {
          chat: [
            { id: 'a', order: 1 },
            { id: 'b', order: 2 },
          ],
          backup: [{ id: 'c' }],
        },
        { strategy: 'order', fallbacks: { chat: ['backup'] } },
      ),
    );
    const failFirst = (attempts: number, error: AppError) => ({ failFirst: { attempts, error } });
    expect((await ground.dispatch('chat', failFirst(1, broken))).value).toBe('b');
    const { value, route } = await ground.dispatch('chat', failFirst(2, upstreamError('rate_limited')));
    expect(value).toBe('c');
    expect(route.attempts).toBe(3);
    expect(ground.called()).toEqual(['b', 'c']);
    expect(ground.admitted).toHaveLength(2);
    expect(ground.dispatcher.states().every(({ failures }) => failures === 0)).toBe(true);
  });
});

describe('explaining', () => {
  it('shows the own group and where the call would go on, and changes nothing', async () => {
    const ground = createDispatcherGround(
      modelListOf(
        {
          chat: [
            { id: 'a', weight: 3 },
            { id: 'b', weight: 1 },
            { id: 'cold' },
            { id: 'vectors', mode: 'embedding' },
          ],
          backup: [{ id: 'c' }],
          large: [{ id: 'l' }],
        },
        {
          numRetries: 0,
          fallbacks: { chat: ['backup', 'nowhere'] },
          contextWindowFallbacks: { chat: ['large'] },
          defaultFallbacks: ['x/last'],
        },
      ),
      { endings: { cold: upstreamError('rate_limited', { retryAfterMs: 9000 }) } },
    );
    expect((await ground.dispatch('cold')).value).toBe('x/last');
    const before = JSON.stringify(ground.dispatcher.states().map(({ deployment: _one, ...state }) => state));
    const steps = ground.explain('chat');
    expect(steps.map(({ group, reason }) => [group, reason])).toEqual([
      ['chat', 'first'],
      ['backup', 'fallback'],
      ['x/last', 'default-fallback'],
      ['large', 'context-window-fallback'],
    ]);
    const [own] = steps;
    expect(own?.considered.find(({ deployment }) => deployment === 'cold')).toEqual({
      deployment: 'cold',
      verdict: 'cooled-down',
      detail: 'for another 9 s after rate_limited',
    });
    expect(own?.considered.find(({ deployment }) => deployment === 'vectors')?.detail).toBe('embedding');
    expect(['a', 'b']).toContain(own?.picked);
    expect(own?.considered.find(({ deployment }) => deployment === 'a')?.detail).toBe('weight 3 of 6');
    expect(
      JSON.stringify(ground.dispatcher.states().map(({ deployment: _one, ...state }) => state)).startsWith(
        before.slice(0, -1),
      ),
    ).toBe(true);
    expect(ground.calls).toHaveLength(2);
  });
});
