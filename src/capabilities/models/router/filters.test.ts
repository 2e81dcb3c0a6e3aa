import { describe, expect, it } from 'vitest';
import {
  createDispatcherGround,
  modelListOf,
  upstreamError,
  type DeploymentDraft,
  type SettingsDraft,
} from '../../../testing/dispatcher-ground.ts';
import type { DispatchRequest } from './dispatch.ts';

const verdictsOf = (
  drafts: readonly DeploymentDraft[],
  settings: SettingsDraft,
  request: Partial<DispatchRequest> & { userAgent?: string } = {},
): Record<string, string> => {
  const ground = createDispatcherGround(modelListOf({ chat: drafts }, settings));
  const [step] = ground.explain('chat', request);
  return Object.fromEntries(
    (step?.considered ?? []).map(({ deployment, verdict }) => [
      deployment,
      verdict === 'picked' ? 'eligible' : verdict,
    ]),
  );
};
const eligibleOf = (...args: Parameters<typeof verdictsOf>): string[] =>
  Object.entries(verdictsOf(...args))
    .filter(([, verdict]) => verdict === 'eligible')
    .map(([id]) => id);

describe('pre-call checks', () => {
  const windows = [
    { id: 'small', contextWindow: 100 },
    { id: 'large', contextWindow: 1000 },
    { id: 'unknown' },
  ];

  it('leaves out context windows that are too small, and never those it does not know', () => {
    expect(verdictsOf(windows, { preCallChecks: true }, { inputTokens: 500 })).toEqual({
      small: 'context-window',
      large: 'eligible',
      unknown: 'eligible',
    });
    expect(eligibleOf(windows, { preCallChecks: true }, { inputTokens: 100 })).toHaveLength(3);
  });

  it('looks at context windows only where that is switched on', () => {
    expect(eligibleOf(windows, {}, { inputTokens: 5000 })).toHaveLength(3);
  });

  it.each([
    ['eu', ['eu', 'eu-west-1']],
    ['EU', ['eu', 'eu-west-1']],
    ['us', ['us']],
    ['e', []],
  ])('keeps a call that is bound to the region %s in it', (region, expected) => {
    const drafts = [
      { id: 'eu', region: 'eu' },
      { id: 'eu-west-1', region: 'eu-west-1' },
      { id: 'us', region: 'us' },
      { id: 'unknown' },
    ];
    expect(eligibleOf(drafts, {}, { region })).toEqual(expected);
  });

  it('takes the lowest order first; a missing one is last', () => {
    const drafts = [
      { id: 'none' },
      { id: 'two', order: 2 },
      { id: 'one', order: 1 },
      { id: 'uno', order: 1 },
    ];
    expect(verdictsOf(drafts, { preCallChecks: true })).toEqual({
      none: 'order',
      two: 'order',
      one: 'eligible',
      uno: 'eligible',
    });
    expect(eligibleOf(drafts, {})).toHaveLength(4);
  });

  it('goes to the next order when the first is out for another reason', () => {
    const drafts = [
      { id: 'one', order: 1, contextWindow: 5 },
      { id: 'two', order: 2 },
    ];
    expect(eligibleOf(drafts, { preCallChecks: true })).toEqual(['two']);
  });

  it.each([
    ['chat', ['chat', 'any']],
    ['completion', ['chat', 'any']],
    ['embedding', ['embedding', 'any']],
    ['rerank', ['any']],
  ] as const)('asks only models that do %s', (operation, expected) => {
    const drafts = [{ id: 'chat', mode: 'chat' }, { id: 'embedding', mode: 'embedding' }, { id: 'any' }];
    expect(eligibleOf(drafts, {}, { operation })).toEqual(expected);
  });
});

describe('tags', () => {
  const tiers = [
    { id: 'free', tags: ['free'] },
    { id: 'paid', tags: ['paid', 'eu'] },
    { id: 'base', tags: ['default'] },
    { id: 'plain' },
  ];
  const on = { tagFiltering: true };

  it.each<[string, string[], SettingsDraft, string[]]>([
    ['any of the tags', ['free'], on, ['free']],
    ['any of several', ['free', 'paid'], on, ['free', 'paid']],
    ['all of the tags', ['paid', 'eu'], { ...on, tagMatchAll: true }, ['paid']],
    ['`default` when asked for by name', ['default'], on, ['base']],
    ['the default ones for an unknown tag', ['nobody-has-it'], on, ['base']],
    ['the default ones without tags', [], on, ['base']],
    ['nobody who carries an excluded tag', ['!paid', 'free'], on, ['free']],
    ['the default ones less the excluded', ['!paid'], on, ['base']],
    ['everybody who carries what is required', ['&eu'], on, ['paid']],
    ['only those with all that is required', ['&eu', '&paid'], on, ['paid']],
    ['what matches among those required', ['&eu', 'paid'], on, ['paid']],
    ['everybody while switched off', ['free'], {}, ['free', 'paid', 'base', 'plain']],
    ['lone signs as if they were tags that nobody has', ['!', '&'], on, ['base']],
  ])('lets through %s', (_what, tags, settings, expected) => {
    expect(eligibleOf(tiers, settings, { tags })).toEqual(expected);
  });

  it.each<[string, string[], SettingsDraft]>([
    ['a known tag in the wrong company', ['free', '&eu'], on],
    ['all tags of which one is missing', ['free', 'eu'], { ...on, tagMatchAll: true }],
    ['a requirement that nobody meets', ['&mars'], on],
    ['the only default one excluded', ['!default'], on],
  ])('lets nobody through for %s', (_what, tags, settings) => {
    expect(eligibleOf(tiers, settings, { tags })).toEqual([]);
  });

  it('has no default where none is tagged so: an unknown tag is an error, no tag is everybody', () => {
    const drafts = [{ id: 'a', tags: ['teamA'] }, { id: 'b' }];
    expect(eligibleOf(drafts, on, { tags: ['teamB'] })).toEqual([]);
    expect(eligibleOf(drafts, on, { tags: [] })).toEqual(['a', 'b']);
  });

  it('lets a request switch the filter on and never off', () => {
    expect(eligibleOf(tiers, {}, { tags: ['free'], tagFiltering: true })).toEqual(['free']);
    expect(eligibleOf(tiers, on, { tags: ['free'], tagFiltering: false })).toEqual(['free']);
  });

  it('follows what is said of the group before what is said of all', () => {
    const ofGroup = (own: { tagFiltering?: boolean; tagFailOpen?: boolean }) => ({
      groupTags: new Map([['chat', own]]),
    });
    const everybody = ['free', 'paid', 'base', 'plain'];
    expect(eligibleOf(tiers, ofGroup({ tagFiltering: true }), { tags: ['free'] })).toEqual(['free']);
    expect(eligibleOf(tiers, { ...on, ...ofGroup({ tagFiltering: false }) }, { tags: ['free'] })).toEqual(
      everybody,
    );
    const other = { ...on, groupTags: new Map([['other', { tagFiltering: false }]]) };
    expect(eligibleOf(tiers, other, { tags: ['free'] })).toEqual(['free']);
    // A request may still switch it on.
    expect(
      eligibleOf(tiers, ofGroup({ tagFiltering: false }), { tags: ['free'], tagFiltering: true }),
    ).toEqual(['free']);
    expect(eligibleOf(tiers, on, { tags: ['!default'] })).toEqual([]);
    expect(eligibleOf(tiers, { ...on, ...ofGroup({ tagFailOpen: true }) }, { tags: ['!default'] })).toEqual([
      'base',
    ]);
  });

  it('tells a known tag whose carriers are all gone from an unknown one', async () => {
    const ground = createDispatcherGround(
      modelListOf({ chat: tiers }, { ...on, numRetries: 0, defaultFallbacks: ['other'] }),
      {
        endings: {
          free: upstreamError('model_rejected', { status: 401 }),
          other: upstreamError('upstream_error'),
        },
      },
    );
    await expect(ground.dispatch('chat', { tags: ['free'] })).rejects.toThrow();
    const [step] = ground.explain('chat', { tags: ['free'] });
    expect(step?.picked).toBeUndefined();
    expect(step?.error?.code).toBe('model_unavailable');
    expect(ground.explain('chat', { tags: ['gold'] })[0]?.picked).toBe('base');
  });

  describe('by User-Agent', () => {
    const agents = [
      { id: 'code', tagRegex: ['^User-Agent: claude-code/', '('] },
      { id: 'both', tags: ['paid'], tagRegex: ['curl'] },
      { id: 'base', tags: ['default'] },
    ];

    it.each<[string, string, string[], SettingsDraft, string[]]>([
      ['a pattern', 'claude-code/1.2', [], on, ['code']],
      ['no pattern: default', 'openai-python', [], on, ['base']],
      ['pattern or tag', 'claude-code/1.2', ['paid'], on, ['code', 'both']],
      [
        'no pattern beside a failed tag when all have to match',
        'curl/8',
        ['gold'],
        { ...on, tagMatchAll: true },
        ['base'],
      ],
      ['a pattern beside a failed tag when any will do', 'curl/8', ['gold'], on, ['both']],
      ['no pattern when a tag is required', 'claude-code/1.2', ['&paid'], on, ['both']],
    ])('%s', (_what, userAgent, tags, settings, expected) => {
      expect(eligibleOf(agents, settings, { userAgent, tags })).toEqual(expected);
    });

    it('says once which pattern cannot be read', () => {
      const ground = createDispatcherGround(modelListOf({ chat: agents }, on));
      ground.explain('chat', { userAgent: 'x' });
      ground.explain('chat', { userAgent: 'y' });
      expect(ground.logger.lines.filter(({ fields }) => fields['pattern'] === '(')).toHaveLength(1);
    });

    it('answers at once for a pattern and a header made to be slow', () => {
      const slow = [{ id: 'a', tagRegex: ['^User-Agent: (a+)+$'] }];
      const begun = performance.now();
      expect(eligibleOf(slow, on, { userAgent: `${'a'.repeat(400)}!` })).toEqual([]);
      expect(performance.now() - begun).toBeLessThan(1000);
    });
  });

  describe('failing open', () => {
    const open = { ...on, tagFailOpen: true };

    it('gives the default ones when nothing suits, else everybody', () => {
      expect(eligibleOf(tiers, open, { tags: ['&mars'] })).toEqual(['base']);
      expect(eligibleOf([{ id: 'a', tags: ['x'] }, { id: 'b' }], open, { tags: ['y'] })).toEqual(['a', 'b']);
    });

    it('keeps what key or team demand', () => {
      const tags = ['&eu', 'gold', '!paid'];
      expect(eligibleOf(tiers, open, { tags, policyTags: ['&eu'] })).toEqual(['paid']);
      expect(eligibleOf(tiers, open, { tags: ['&mars', '&venus'], policyTags: ['&mars'] })).toEqual([]);
      expect(eligibleOf(tiers, open, { tags: ['&mars', '!default'], policyTags: ['!default'] })).toEqual([
        'free',
        'paid',
        'plain',
      ]);
    });

    it('does not open for an invented requirement that hides a real answer', () => {
      expect(eligibleOf(tiers, open, { tags: ['&eu', '&invented'] })).toEqual([]);
    });
  });
});

describe('limits', () => {
  const never = new Promise<never>(() => {});

  it.each<[string, DeploymentDraft['limits'], number]>([
    ['calls at the same time', { parallel: 2 }, 2],
    ['as many at the same time as calls in a minute', { rpm: 3 }, 3],
    ['as many at the same time as tokens allow', { tpm: 12_000 }, 2],
    ['at least one', { tpm: 100 }, 1],
  ])('sends no more than fit: %s', async (_what, limits, expected) => {
    const ground = createDispatcherGround(
      modelListOf({ chat: [{ id: 'a', limits: limits ?? {} }] }, { fallbacks: { chat: ['spare'] } }),
      { endings: { a: () => Promise.resolve({ value: 'a', done: never }) } },
    );
    for (let index = 0; index < expected; index += 1) await ground.dispatch('chat');
    expect(ground.called()).toEqual(Array.from({ length: expected }, () => 'a'));
    expect((await ground.dispatch('chat')).value).toBe('spare');
  });

  it('counts calls and tokens over any minute, not over a minute of the calendar', async () => {
    const ground = createDispatcherGround(
      modelListOf(
        {
          chat: [
            { id: 'a', limits: { rpm: 3 } },
            { id: 'b', weight: 0 },
          ],
        },
        { preCallChecks: true },
      ),
    );
    ground.clock.jumpTo(Date.UTC(2026, 0, 1, 0, 0, 58));
    const ids: string[] = [];
    for (let index = 0; index < 5; index += 1) {
      ids.push((await ground.dispatch('chat')).value);
      await ground.clock.advance(1000);
    }
    expect(ids.filter((id) => id === 'a').length).toBeLessThanOrEqual(3);
    await ground.clock.advance(60_000);
    expect(ground.explain('chat')[0]?.considered.every(({ verdict }) => verdict !== 'limit')).toBe(true);
  });

  it('is a `rate_limited` that says when, if nobody has room', async () => {
    const ground = createDispatcherGround(
      modelListOf({ chat: [{ id: 'a', limits: { rpm: 1, parallel: 9 } }] }),
    );
    await ground.dispatch('chat');
    const failed = await ground.dispatch('chat').catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 'rate_limited', details: { group: 'chat' } });
    const { retryAfterMs } = (failed as { details: { retryAfterMs: number } }).details;
    expect(retryAfterMs).toBeGreaterThan(50_000);
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
    await ground.clock.advance(retryAfterMs);
    expect((await ground.dispatch('chat')).value).toBe('a');
  });

  it('gives tokens back that were not used', async () => {
    const ground = createDispatcherGround(
      modelListOf({ chat: [{ id: 'a', limits: { tpm: 1000, parallel: 9 } }] }, { numRetries: 0 }),
      { endings: { a: upstreamError('model_rejected', { status: 400 }) } },
    );
    for (let index = 0; index < 3; index += 1)
      await expect(ground.dispatch('chat', { inputTokens: 900 })).rejects.toMatchObject({
        code: 'model_rejected',
      });
  });

  it('waits for room in the only deployment, first come first served', async () => {
    const ends: (() => void)[] = [];
    const ground = createDispatcherGround(modelListOf({ chat: [{ id: 'a', limits: { parallel: 1 } }] }), {
      endings: {
        a: () =>
          Promise.resolve({
            value: 'a',
            done: new Promise((resolve) => {
              ends.push(() => resolve({ status: 'ok', usage: undefined, estimated: false }));
            }),
          }),
      },
    });
    await ground.dispatch('chat');
    const order: number[] = [];
    const second = ground.dispatch('chat').then(() => order.push(2));
    const third = ground.dispatch('chat').then(() => order.push(3));
    await ground.clock.advance(100);
    expect(ground.calls).toHaveLength(1);
    ends[0]?.();
    await second;
    expect(order).toEqual([2]);
    await ground.clock.advance(0);
    expect(ground.calls).toHaveLength(2);
    ends[1]?.();
    await third;
    expect(ground.calls).toHaveLength(3);
    ends[2]?.();
    await ground.clock.advance(0);
    expect(ground.state('a')?.inFlight).toBe(0);
    expect(ground.clock.pending).toBe(0);
  });
});
