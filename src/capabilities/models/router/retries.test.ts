import { describe, expect, it } from 'vitest';
import type { AppError } from '../../../base/index.ts';
import {
  createDispatcherGround,
  deploymentOf,
  modelListOf,
  upstreamError,
  type Ending,
  type SettingsDraft,
} from '../../../testing/dispatcher-ground.ts';

const broken = upstreamError('model_unavailable', { status: 500 });
const dead = upstreamError('model_unavailable');
const refused = upstreamError('model_rejected', { status: 400 });
const noKey = upstreamError('model_rejected', { status: 401 });
const gone = upstreamError('model_rejected', { status: 404 });
const limited = (retryAfterMs?: number): AppError =>
  upstreamError('rate_limited', { status: 429, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });

const three = [
  { id: 'a', order: 1 },
  { id: 'b', order: 2 },
  { id: 'c', order: 3 },
];
const inOrder = { strategy: 'order' } as const;

describe('retrying', () => {
  it('goes to a healthy sibling at once, and to each one once', async () => {
    const ground = createDispatcherGround(modelListOf({ chat: three }, inOrder), {
      endings: { a: dead, b: broken },
    });
    const { value, route } = await ground.dispatch('chat');
    expect(value).toBe('c');
    expect(route).toMatchObject({ attempts: 3, groups: ['chat'], overheadMs: 0 });
    expect(route.deployment.id).toBe('c');
    expect(route.steps.map(({ reason, picked, error }) => [reason, picked, error?.code])).toEqual([
      ['first', 'a', 'model_unavailable'],
      ['retry', 'b', 'model_unavailable'],
      ['retry', 'c', undefined],
    ]);
    expect(route.steps[1]?.considered.map(({ verdict }) => verdict)).toEqual([
      'cooled-down',
      'picked',
      'eligible',
    ]);
    expect(ground.clock.pending).toBe(0);
  });

  it('begins a new round with growing, jittered waits when all were asked', async () => {
    const ground = createDispatcherGround(
      modelListOf({ chat: three.slice(0, 2) }, { ...inOrder, numRetries: 5, disableCooldowns: true }),
      { endings: { a: broken, b: broken } },
    );
    const startMs = ground.clock.now();
    const failed = expect(ground.dispatch('chat')).rejects.toMatchObject({
      code: 'model_unavailable',
      details: { attempts: 6, groups: ['chat'], status: 500 },
    });
    await ground.clock.advance(20_000);
    await failed;
    expect(ground.called()).toEqual(['a', 'b', 'a', 'b', 'a', 'b']);
    const waits = ground.calls.map(({ atMs }) => atMs - startMs);
    expect(waits[1]).toBe(0);
    expect(waits[2]).toBeGreaterThanOrEqual(375);
    expect(waits[2]).toBeLessThanOrEqual(500);
    expect((waits[4] ?? 0) - (waits[3] ?? 0)).toBeGreaterThanOrEqual(750);
    expect((waits[4] ?? 0) - (waits[3] ?? 0)).toBeLessThanOrEqual(1000);
  });

  it('waits at least as long as the router says', async () => {
    const ground = createDispatcherGround(
      modelListOf({ chat: [{ id: 'a' }] }, { numRetries: 1, retryAfterMs: 3000 }),
      { endings: { a: broken } },
    );
    const failed = expect(ground.dispatch('chat')).rejects.toThrow();
    await ground.clock.advance(3000);
    await failed;
    expect((ground.calls[1]?.atMs ?? 0) - (ground.calls[0]?.atMs ?? 0)).toBe(3000);
  });

  it.each<[string, AppError, number]>([
    ['the request at fault', refused, 1],
    ['a model that does not exist', gone, 1],
    ['a refused key: siblings have others', noKey, 3],
    ['a limit of calls', limited(), 3],
    ['a server error', broken, 3],
    ['a content policy: siblings may have another', upstreamError('content_blocked'), 3],
    ['a fault of ours', upstreamError('internal'), 3],
  ])('%s', async (_what, error, attempts) => {
    const ground = createDispatcherGround(modelListOf({ chat: three }, inOrder), {
      endings: { a: error, b: error, c: error },
    });
    const failed = expect(ground.dispatch('chat')).rejects.toMatchObject({
      code: error.code,
      details: { attempts },
    });
    await ground.clock.advance(30_000);
    await failed;
    expect(ground.called()).toEqual(['a', 'b', 'c'].slice(0, attempts));
  });

  it('goes to a sibling when a deployment cannot even be built', async () => {
    const unbuilt = (): never => {
      throw upstreamError('invalid_definition');
    };
    const ground = createDispatcherGround(
      modelListOf(
        {
          chat: [
            { id: 'a', order: 1, provider: unbuilt },
            { id: 'b', order: 2 },
          ],
        },
        inOrder,
      ),
    );
    ground.noted.push = () => unbuilt();
    expect((await ground.dispatch('chat')).value).toBe('b');
    expect(ground.admitted.map(({ deployment }) => deployment.id)).toEqual(['b']);
    expect(ground.state('a')).toMatchObject({ inFlight: 0, failures: 1 });
  });

  it.each<[string, AppError]>([
    ['a refused key', noKey],
    ['a content policy', upstreamError('content_blocked')],
    ['the request at fault', refused],
  ])('does not ask a lone deployment again after %s', async (_what, error) => {
    const ground = createDispatcherGround(modelListOf({ chat: [{ id: 'a' }] }), { endings: { a: error } });
    await expect(ground.dispatch('chat')).rejects.toMatchObject({ code: error.code });
    expect(ground.calls).toHaveLength(1);
  });

  it('goes only to a larger context window when one was too small', async () => {
    const tooLong = upstreamError('context_window_exceeded');
    const windows = [
      { id: 'a', order: 1, contextWindow: 1000 },
      { id: 'same', order: 2, contextWindow: 1000 },
      { id: 'larger', order: 3, contextWindow: 2000 },
    ];
    const ground = createDispatcherGround(modelListOf({ chat: windows }, inOrder), {
      endings: { a: tooLong, same: tooLong },
    });
    expect((await ground.dispatch('chat')).value).toBe('larger');
    expect(ground.called()).toEqual(['a', 'larger']);
    ground.endings['larger'] = tooLong;
    await expect(ground.dispatch('chat')).rejects.toMatchObject({ code: 'context_window_exceeded' });
  });

  it.each<[string, SettingsDraft, number | undefined, number | undefined, AppError, number]>([
    ['the router', { numRetries: 1 }, undefined, undefined, broken, 2],
    ['the deployment before the router', { numRetries: 1 }, 0, undefined, broken, 1],
    ['the policy before the deployment', { retryPolicy: { InternalServer: 3 } }, 0, undefined, broken, 4],
    [
      'another class keeps its own',
      { retryPolicy: { RateLimit: 3 }, numRetries: 1 },
      undefined,
      undefined,
      broken,
      2,
    ],
    [
      'the default of the policy',
      { retryPolicy: { RateLimit: 3, Default: 0 } },
      undefined,
      undefined,
      broken,
      1,
    ],
    [
      'the policy of the group before that of the router',
      { retryPolicy: { InternalServer: 3 }, groupRetryPolicies: { chat: { InternalServer: 1 } } },
      undefined,
      undefined,
      broken,
      2,
    ],
    ['the request before all', { retryPolicy: { InternalServer: 3 } }, undefined, 1, broken, 2],
    ['nothing at all for the request', { retryPolicy: { InternalServer: 3 } }, undefined, 0, broken, 1],
    [
      'a class that is otherwise never tried again',
      { retryPolicy: { BadRequest: 1 } },
      undefined,
      undefined,
      refused,
      2,
    ],
    ['a class that policy forbids', { retryPolicy: { Authentication: 0 } }, undefined, undefined, noKey, 1],
  ])('as often as says %s', async (_what, settings, numRetries, asked, error, attempts) => {
    const drafts = ['a', 'b', 'c', 'd', 'e'].map((id) => ({ id, numRetries }));
    const ground = createDispatcherGround(modelListOf({ chat: drafts }, settings), {
      endings: Object.fromEntries(drafts.map(({ id }) => [id, error])),
    });
    const failed = expect(
      ground.dispatch('chat', asked === undefined ? {} : { numRetries: asked }),
    ).rejects.toMatchObject({ details: { attempts } });
    await ground.clock.advance(60_000);
    await failed;
    expect(new Set(ground.called()).size).toBe(attempts);
  });

  it('waits for a lone deployment as long as it asks, and lets nobody else disturb it', async () => {
    const turns: Ending[] = [limited(7000)];
    const ground = createDispatcherGround(modelListOf({ chat: [{ id: 'a' }] }), {
      endings: { a: () => (turns.shift() ?? 'ok') as 'ok' },
    });
    const startMs = ground.clock.now();
    const first = ground.dispatch('chat');
    await ground.clock.advance(3000);
    const second = ground.dispatch('chat');
    await ground.clock.advance(3999);
    expect(ground.calls).toHaveLength(1);
    await ground.clock.advance(1);
    expect((await first).value).toBe('a');
    const { route } = await second;
    expect(ground.calls.map(({ atMs }) => atMs - startMs)).toEqual([0, 7000, 7000]);
    expect(route.overheadMs).toBe(4000);
    expect(route.steps[0]?.waitedMs).toBe(4000);
  });

  it('does not wait for longer than a minute, nor beyond the end of the call', async () => {
    for (const [retryAfterMs, timeoutMs] of [
      [61_000, 120_000],
      [30_000, 20_000],
    ] as const) {
      const ground = createDispatcherGround(modelListOf({ chat: [{ id: 'a' }] }, { timeoutMs }), {
        endings: { a: limited(retryAfterMs) },
      });
      await expect(ground.dispatch('chat')).rejects.toMatchObject({
        code: 'rate_limited',
        details: { retryAfterMs },
      });
      expect(ground.calls).toHaveLength(1);
    }
  });

  it('says when, if all of a group rest', async () => {
    const ground = createDispatcherGround(modelListOf({ chat: three }, inOrder), {
      endings: { a: limited(9000), b: limited(4000), c: limited(6000) },
    });
    await expect(ground.dispatch('chat')).rejects.toMatchObject({ code: 'rate_limited' });
    await expect(ground.dispatch('chat')).rejects.toMatchObject({
      code: 'model_unavailable',
      message: expect.stringContaining('4 s') as string,
      details: { retryAfterMs: 4000, attempts: 0 },
    });
    expect(ground.calls).toHaveLength(3);
  });
});

describe('a model in no list', () => {
  it('is asked three times, after 1 and 2 seconds', async () => {
    const turns: Ending[] = [dead, dead, 'ok'];
    const ground = createDispatcherGround(modelListOf({}), {
      endings: { 'ollama/llama3.2': () => (turns.shift() ?? 'ok') as 'ok' },
    });
    const startMs = ground.clock.now();
    const answer = ground.dispatch('ollama/llama3.2');
    await ground.clock.advance(3000);
    expect((await answer).value).toBe('ollama/llama3.2');
    expect(ground.calls.map(({ atMs }) => atMs - startMs)).toEqual([0, 1000, 3000]);
  });

  it('gives up with the last error, and is never left out', async () => {
    const turns: Ending[] = [dead, dead, upstreamError('upstream_error')];
    const ground = createDispatcherGround(modelListOf({}), {
      endings: { 'ollama/x': () => (turns.shift() ?? dead) as AppError },
    });
    const failed = expect(ground.dispatch('ollama/x')).rejects.toMatchObject({ code: 'upstream_error' });
    await ground.clock.advance(3000);
    await failed;
    expect(ground.state('ollama/x')?.coolingUntilMs).toBeUndefined();
    expect(ground.calls).toHaveLength(3);
  });

  it('waits as it asks, is not asked again when it refuses, and not when another stands ready', async () => {
    const turns: Ending[] = [limited(2500)];
    const ground = createDispatcherGround(modelListOf({}), {
      endings: { 'x/a': () => (turns.shift() ?? 'ok') as 'ok', 'x/b': noKey, 'x/c': dead },
    });
    const answer = ground.dispatch('x/a');
    await ground.clock.advance(2499);
    expect(ground.calls).toHaveLength(1);
    await ground.clock.advance(1);
    await answer;
    await expect(ground.dispatch('x/b')).rejects.toMatchObject({ code: 'model_rejected' });
    expect((await ground.dispatch('x/c', { fallbacks: [{ model: 'x/d' }] })).value).toBe('x/d');
    expect(ground.called()).toEqual(['x/a', 'x/a', 'x/b', 'x/c', 'x/d']);
  });

  it('may be a deployment that a definition describes by itself', async () => {
    const ground = createDispatcherGround(modelListOf({}));
    const own = deploymentOf('local/phi4', { id: 'own', params: { num_ctx: 8192 } });
    const { route } = await ground.dispatch(own);
    expect(route.deployment).toBe(own);
    expect(route.groups).toEqual(['local/phi4']);
    expect(ground.calls[0]?.io.params).toEqual({ num_ctx: 8192 });
  });

  it('is `not_found` when nobody knows it', async () => {
    const ground = createDispatcherGround(modelListOf({}, { defaultFallbacks: ['x/a'] }));
    await expect(ground.dispatch('nowhere')).rejects.toMatchObject({ code: 'not_found' });
    expect(() => ground.explain('nowhere')).toThrow('no model');
  });
});

describe('deadlines', () => {
  it('bound the beginning of a stream, and a sibling takes over', async () => {
    const ground = createDispatcherGround(
      modelListOf(
        {
          chat: [
            { id: 'a', order: 1, timeouts: { firstTokenMs: 2000 } },
            { id: 'b', order: 2 },
          ],
        },
        inOrder,
      ),
      { endings: { a: 'hang' } },
    );
    const answer = ground.dispatch('chat');
    await ground.clock.advance(1999);
    expect(ground.calls).toHaveLength(1);
    await ground.clock.advance(1);
    expect((await answer).value).toBe('b');
    expect(ground.calls[0]?.io.signal.aborted).toBe(true);
    expect((await answer).route.steps[0]?.error?.code).toBe('timeout');
  });

  it('of the first token does not count for an answer in one piece', async () => {
    const ground = createDispatcherGround(
      modelListOf(
        { chat: [{ id: 'a', timeouts: { firstTokenMs: 2000, totalMs: 9000 } }] },
        { numRetries: 0 },
      ),
      { endings: { a: 'hang' } },
    );
    const failed = expect(ground.dispatch('chat', { stream: false })).rejects.toMatchObject({
      code: 'timeout',
    });
    await ground.clock.advance(8999);
    expect(ground.calls[0]?.io.signal.aborted).toBe(false);
    await ground.clock.advance(1);
    await failed;
  });

  it('leave time for those that come after', async () => {
    const ground = createDispatcherGround(
      modelListOf({ chat: [{ id: 'a' }] }, { timeoutMs: 10_000, fallbacks: { chat: ['x/b'] } }),
      { endings: { a: 'hang' } },
    );
    const answer = ground.dispatch('chat');
    await ground.clock.advance(5000);
    expect((await answer).value).toBe('x/b');
  });

  it('leave time for a sibling too, and give a lone one all of it', async () => {
    const ground = createDispatcherGround(
      modelListOf({ chat: three, lone: [{ id: 'l' }] }, { ...inOrder, timeoutMs: 12_000 }),
      {
        endings: { a: 'hang', b: 'hang', l: 'hang' },
      },
    );
    const answer = ground.dispatch('chat');
    await ground.clock.advance(9000);
    expect((await answer).value).toBe('c');
    const failed = expect(ground.dispatch('lone')).rejects.toMatchObject({ code: 'timeout' });
    await ground.clock.advance(11_999);
    expect(ground.calls.at(-1)?.io.signal.aborted).toBe(false);
    await ground.clock.advance(1);
    await failed;
  });

  it('end an attempt that pays no heed to its signal', async () => {
    const ground = createDispatcherGround(modelListOf({}, { timeoutMs: 1000 }), {
      endings: { 'x/deaf': 'hang' },
    });
    const failed = expect(ground.dispatch('x/deaf')).rejects.toMatchObject({ code: 'timeout' });
    await ground.clock.advance(1000);
    await failed;
    expect(ground.clock.pending).toBe(0);
  });

  it('may come with the request', async () => {
    const ground = createDispatcherGround(modelListOf({ chat: [{ id: 'a' }] }), { endings: { a: 'hang' } });
    const failed = expect(ground.dispatch('chat', { timeoutMs: 300 })).rejects.toMatchObject({
      code: 'timeout',
    });
    await ground.clock.advance(300);
    await failed;
  });

  it('bound an answer that has begun by the whole, not by the first token', async () => {
    const ground = createDispatcherGround(
      modelListOf({ chat: [{ id: 'a', timeouts: { firstTokenMs: 100 } }] }, { timeoutMs: 5000 }),
      { endings: { a: () => Promise.resolve({ value: 'a', done: new Promise(() => {}) }) } },
    );
    await ground.dispatch('chat');
    await ground.clock.advance(4999);
    expect(ground.calls[0]?.io.signal.aborted).toBe(false);
    await ground.clock.advance(1);
    expect(ground.calls[0]?.io.signal.reason).toMatchObject({ name: 'TimeoutError' });
  });

  it('stop a wait when the caller leaves', async () => {
    const ground = createDispatcherGround(modelListOf({}), { endings: { 'x/a': dead } });
    const controller = new AbortController();
    const answer = ground.dispatch('x/a', { signal: controller.signal });
    const failed = expect(answer).rejects.toThrow('gone');
    await ground.clock.advance(500);
    controller.abort(new Error('gone'));
    await failed;
    expect(ground.clock.pending).toBe(0);
    await expect(ground.dispatch('x/a', { signal: controller.signal })).rejects.toThrow('gone');
    expect(ground.calls).toHaveLength(1);
  });
});
