import { describe, expect, it } from 'vitest';
import {
  createDispatcherGround,
  modelListOf,
  seededRandom,
  type DeploymentDraft,
} from '../../../testing/dispatcher-ground.ts';
import { DeploymentHealth } from './deployment-health.ts';
import type { RouterSettings, Strategy } from './deployment.ts';
import { planGroup, type GroupPlan } from './group-plan.ts';
import { pickDeployment } from './pick-deployment.ts';
import type { PickQuery } from './pick-query.ts';

const query: PickQuery = {
  operation: 'chat',
  inputTokens: 100,
  maxOutputTokens: 100,
  region: undefined,
  tagging: false,
  tags: [],
  policyTags: [],
  userAgent: undefined,
  ignoreCooldown: false,
  windowAbove: -1,
  marked: undefined,
};
const nowMs = Date.UTC(2026, 0, 1);

function planOf(
  drafts: readonly DeploymentDraft[],
  strategy: Strategy,
  more: Partial<RouterSettings> = {},
): GroupPlan {
  const list = modelListOf({ chat: drafts });
  const tally = { cooling: 0 };
  return planGroup(
    {
      name: 'chat',
      settings: { ...list.settings, strategy, ...more },
      listed: true,
      deployments: list.groups.get('chat') ?? [],
      health: drafts.map(({ id }) => new DeploymentHealth(id, tally)),
    },
    () => {},
  );
}

function shares(plan: GroupPlan, picks: number, more: Partial<PickQuery> = {}, cooling = false): number[] {
  const random = seededRandom(7);
  const counts = plan.deployments.map(() => 0);
  for (let index = 0; index < picks; index += 1) {
    const pick = pickDeployment(plan, { ...query, ...more }, nowMs, cooling, random);
    counts[pick.index] = (counts[pick.index] ?? 0) + 1;
  }
  return counts.map((count) => count / picks);
}

const only = (plan: GroupPlan, more: Partial<PickQuery> = {}, at = nowMs): string | undefined =>
  plan.deployments[pickDeployment(plan, { ...query, ...more }, at, false, seededRandom(3)).index]?.id;

describe('weighted shuffle', () => {
  it.each<[string, readonly DeploymentDraft[], number[]]>([
    [
      'by weight',
      [
        { id: 'a', weight: 9 },
        { id: 'b', weight: 1 },
      ],
      [0.9, 0.1],
    ],
    ['by weight where only a later one has it', [{ id: 'a' }, { id: 'b', weight: 3 }], [0.25, 0.75]],
    [
      'by weight before rpm',
      [
        { id: 'a', weight: 1, limits: { rpm: 9 } },
        { id: 'b', weight: 1, limits: { rpm: 1 } },
      ],
      [0.5, 0.5],
    ],
    [
      'by rpm',
      [
        { id: 'a', limits: { rpm: 900 } },
        { id: 'b', limits: { rpm: 100 } },
      ],
      [0.9, 0.1],
    ],
    [
      'by tpm',
      [
        { id: 'a', limits: { tpm: 1000 } },
        { id: 'b', limits: { tpm: 3000 } },
      ],
      [0.25, 0.75],
    ],
    ['alike without any', [{ id: 'a' }, { id: 'b' }, { id: 'c' }, { id: 'd' }], [0.25, 0.25, 0.25, 0.25]],
    [
      'never by weight 0',
      [
        { id: 'a', weight: 0 },
        { id: 'b', weight: 2 },
      ],
      [0, 1],
    ],
    [
      'alike where all have weight 0',
      [
        { id: 'a', weight: 0 },
        { id: 'b', weight: 0 },
      ],
      [0.5, 0.5],
    ],
  ])(
    '%s: a million picks within 1 %%',
    (_what, drafts, expected) => {
      const found = shares(planOf(drafts, 'weighted-shuffle'), 1_000_000);
      for (const [index, share] of expected.entries())
        expect(Math.abs((found[index] ?? 0) - share)).toBeLessThanOrEqual(0.01 * Math.max(share, 0.1));
    },
    60_000,
  );

  it('keeps the weights among a hundred, and among those that are left', () => {
    const drafts = Array.from({ length: 100 }, (_one, index) => ({
      id: `d${index}`,
      weight: 1 + (index % 10),
    }));
    const plan = planOf(drafts, 'weighted-shuffle');
    const byWeight = (found: readonly number[], weight: number): number =>
      found.reduce((sum, share, index) => ((drafts[index]?.weight ?? 0) === weight ? sum + share : sum), 0);
    const all = shares(plan, 1_000_000);
    for (let weight = 1; weight <= 10; weight += 1)
      expect(Math.abs(byWeight(all, weight) - weight / 55)).toBeLessThan((0.01 * weight) / 55 + 0.0005);
    const marked = new Uint8Array(100).map((_one, index) => (index % 10 === 9 ? 1 : 0));
    const left = shares(plan, 200_000, { marked });
    expect(byWeight(left, 10)).toBe(0);
    expect(Math.abs(byWeight(left, 9) - 9 / 45)).toBeLessThan(0.005);
  }, 60_000);
});

describe('least busy', () => {
  it('takes the fewest in flight, ties by chance', () => {
    const plan = planOf([{ id: 'a' }, { id: 'b' }, { id: 'c' }], 'least-busy');
    for (const [index, count] of [3, 1, 1].entries())
      (plan.health[index] as DeploymentHealth).inFlight = count;
    const [a, b, c] = shares(plan, 10_000);
    expect(a).toBe(0);
    expect(Math.abs((b ?? 0) - 0.5)).toBeLessThan(0.03);
    expect(Math.abs((c ?? 0) - 0.5)).toBeLessThan(0.03);
  });

  it('spreads calls at the same time exactly evenly', async () => {
    const ground = createDispatcherGround(
      modelListOf({ chat: [{ id: 'a' }, { id: 'b' }, { id: 'c' }] }, { strategy: 'least-busy' }),
      { endings: { a: 'hang', b: 'hang', c: 'hang' } },
    );
    for (let index = 0; index < 30; index += 1) void ground.dispatch('chat').catch(() => {});
    await ground.clock.advance(0);
    expect(['a', 'b', 'c'].map((id) => ground.state(id)?.inFlight)).toEqual([10, 10, 10]);
  });
});

describe('usage', () => {
  it('takes the lowest share of its own limits, calls or tokens', () => {
    const plan = planOf(
      [
        { id: 'a', limits: { rpm: 100 } },
        { id: 'b', limits: { rpm: 1000 } },
        { id: 'c', limits: { tpm: 10_000, parallel: 99 } },
      ],
      'usage',
    );
    const [a, b, c] = plan.health as [DeploymentHealth, DeploymentHealth, DeploymentHealth];
    a.window.add('starts', 10, nowMs);
    b.window.add('starts', 50, nowMs);
    c.window.add('tokens', 5000, nowMs);
    expect(only(plan)).toBe('b');
    b.window.add('starts', 400, nowMs);
    expect(only(plan)).toBe('a');
    c.window.add('tokens', -4900, nowMs);
    expect(only(plan)).toBe('c');
  });

  it('takes the fewest tokens where limits are missing, and forgets after a minute', () => {
    const plan = planOf([{ id: 'a', limits: { rpm: 100 } }, { id: 'b' }], 'usage');
    const [a, b] = plan.health as [DeploymentHealth, DeploymentHealth];
    a.window.add('tokens', 100, nowMs);
    b.window.add('tokens', 200, nowMs);
    expect(only(plan)).toBe('a');
    a.window.add('tokens', 500, nowMs + 58_000);
    expect(only(plan, {}, nowMs + 62_000)).toBe('b');
  });
});

describe('latency', () => {
  it('explores the unknown, then prefers the faster of two, by calls under way', () => {
    const plan = planOf([{ id: 'fast' }, { id: 'slow' }], 'latency');
    const [fast, slow] = plan.health as [DeploymentHealth, DeploymentHealth];
    slow.latency.sawFirstToken(1000, nowMs);
    expect(shares(plan, 1000)).toEqual([1, 0]);
    fast.latency.sawFirstToken(100, nowMs);
    expect(shares(plan, 1000)).toEqual([1, 0]);
    fast.inFlight = 30;
    expect(shares(plan, 1000)).toEqual([0, 1]);
  });

  it('sends only one call at a time to find out about an unknown one', () => {
    const plan = planOf([{ id: 'new' }, { id: 'known' }], 'latency');
    const [fresh, known] = plan.health as [DeploymentHealth, DeploymentHealth];
    known.latency.sawFirstToken(200, nowMs);
    fresh.inFlight = 1;
    expect(shares(plan, 1000)).toEqual([0, 1]);
  });

  it('weighs first token and writing speed by the length of the answer', () => {
    const plan = planOf([{ id: 'writes-fast' }, { id: 'begins-fast' }], 'latency');
    const [writer, starter] = plan.health as [DeploymentHealth, DeploymentHealth];
    writer.latency.sawFirstToken(1000, nowMs);
    writer.latency.sawAnswer(100, 100, true, nowMs);
    starter.latency.sawFirstToken(100, nowMs);
    starter.latency.sawAnswer(2000, 100, true, nowMs);
    expect(only(plan, { maxOutputTokens: 4 })).toBe('begins-fast');
    expect(only(plan, { maxOutputTokens: 1000 })).toBe('writes-fast');
  });

  it('does not send everybody to the one that is fastest now', () => {
    const drafts = Array.from({ length: 10 }, (_one, index) => ({ id: `d${index}` }));
    const plan = planOf(drafts, 'latency');
    for (const [index, one] of plan.health.entries()) one.latency.sawFirstToken(100 + index, nowMs);
    expect(Math.max(...shares(plan, 20_000))).toBeLessThan(0.25);
  });

  it('asks one again that was slow long ago', () => {
    const plan = planOf([{ id: 'fine' }, { id: 'was-slow' }], 'latency');
    const [fine, slow] = plan.health as [DeploymentHealth, DeploymentHealth];
    slow.latency.sawFirstToken(5000, nowMs);
    fine.latency.sawFirstToken(100, nowMs);
    expect(only(plan)).toBe('fine');
    const laterMs = nowMs + 300_000;
    fine.latency.sawFirstToken(100, laterMs);
    expect(only(plan, {}, laterMs)).toBe('was-slow');
  });

  it('counts an attempt that ran out of time as slow', async () => {
    const ground = createDispatcherGround(
      modelListOf(
        { chat: [{ id: 'a', timeouts: { firstTokenMs: 3000 } }, { id: 'b' }] },
        { strategy: 'latency' },
      ),
      { endings: { a: 'hang' }, seed: 4 },
    );
    for (let index = 0; index < 3; index += 1) {
      const answer = ground.dispatch('chat');
      await ground.clock.advance(3000);
      await answer;
    }
    expect(ground.state('a')?.firstTokenMs).toBe(3000);
    expect(ground.called().filter((id) => id === 'a')).toHaveLength(1);
  });
});

describe('cost', () => {
  const prices = [
    { id: 'unknown' },
    { id: 'reads-cheap', price: { inputPerMillion: 1, outputPerMillion: 10 } },
    { id: 'writes-cheap', price: { inputPerMillion: 3, outputPerMillion: 4 } },
  ];

  it('takes the cheapest for this very call, an unknown price last', () => {
    const plan = planOf(prices, 'cost');
    expect(only(plan, { inputTokens: 10_000, maxOutputTokens: 10 })).toBe('reads-cheap');
    expect(only(plan, { inputTokens: 10, maxOutputTokens: 1000 })).toBe('writes-cheap');
    expect(only(plan, { marked: Uint8Array.of(0, 1, 1) })).toBe('unknown');
  });

  it('shows an unknown price as unknown', () => {
    const ground = createDispatcherGround(modelListOf({ chat: prices }, { strategy: 'cost' }));
    const [step] = ground.explain('chat');
    expect(step?.considered.map(({ detail }) => detail)).toEqual([
      'price unknown',
      '1 + 10 USD per million tokens',
      '3 + 4 USD per million tokens',
    ]);
  });
});

describe('order', () => {
  it('takes the lowest, by weight where several are alike', () => {
    const plan = planOf(
      [
        { id: 'late', order: 2 },
        { id: 'a', order: 1, weight: 3 },
        { id: 'b', order: 1, weight: 1 },
        { id: 'none' },
      ],
      'order',
    );
    const [late, a, b, none] = shares(plan, 100_000);
    expect([late, none]).toEqual([0, 0]);
    expect(Math.abs((a ?? 0) - 0.75)).toBeLessThan(0.01);
    expect(Math.abs((b ?? 0) - 0.25)).toBeLessThan(0.01);
  });

  it('is the order of the list where none is written', () => {
    const plan = planOf([{ id: 'first' }, { id: 'second' }], 'order');
    expect(only(plan)).toBe('first');
    expect(only(plan, { marked: Uint8Array.of(1, 0) })).toBe('second');
  });
});
