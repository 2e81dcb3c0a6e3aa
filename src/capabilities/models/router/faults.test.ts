import { describe, expect, it } from 'vitest';
import type { AppError } from '../../../base/index.ts';
import {
  createDispatcherGround,
  modelListOf,
  seededRandom,
  upstreamError,
} from '../../../testing/dispatcher-ground.ts';
import type { Route } from './dispatch.ts';
import { strategies, type Strategy } from './deployment.ts';

const ids = ['a', 'b', 'c'];

/** What each deployment does in a random world: one is dead, the others fail now and then. */
function world(random: () => number, deadOne: string) {
  return (id: string) => (): 'ok' | AppError => {
    if (id === deadOne) return upstreamError('model_unavailable');
    const chance = random();
    if (chance < 0.004) return upstreamError('model_unavailable', { status: 500 });
    if (chance < 0.006) return upstreamError('rate_limited', { status: 429, retryAfterMs: 2000 });
    if (chance < 0.008) return upstreamError('timeout', { status: 504 });
    return 'ok';
  };
}

describe('with one of three deployments dead', () => {
  it.each(strategies.flatMap((strategy) => [1, 2].map((seed): [Strategy, number] => [strategy, seed])))(
    '%s, world %i: ≥ 99.9 %% succeed, and none is called twice while a sibling is healthy',
    async (strategy, seed) => {
      const random = seededRandom(seed * 97);
      const deadOne = ids[Math.floor(random() * ids.length)] ?? 'a';
      const drafts = ids.map((id, index) => ({
        id,
        order: index,
        price: { inputPerMillion: 1, outputPerMillion: 1 },
      }));
      const ground = createDispatcherGround(modelListOf({ chat: drafts }, { strategy }), { seed });
      const rule = world(random, deadOne);
      for (const id of ids) ground.endings[id] = rule(id);
      const calls = 2000;
      let succeeded = 0;
      let deadCalls = 0;
      for (let index = 0; index < calls; index += 1) {
        const before = ground.calls.length;
        let route: Route | undefined;
        let ended = false;
        const answer = ground.dispatch('chat').then(
          (answered) => (route = answered.route),
          () => undefined,
        );
        void answer.then(() => (ended = true));
        await ground.clock.advance(20 + Math.floor(random() * 60));
        // Waits of a second round, where one was needed.
        if (!ended) await ground.clock.advance(10_000);
        await answer;
        if (route !== undefined) succeeded += 1;
        const called = ground.called().slice(before);
        deadCalls += called.filter((id) => id === deadOne).length;
        const firstRepeat = called.findIndex((id, at) => called.indexOf(id) < at);
        // Somebody was asked again: then everybody open had been asked, and it was waited for.
        if (firstRepeat >= 0 && route !== undefined)
          expect(route.steps[firstRepeat]?.waitedMs ?? 0).toBeGreaterThan(0);
      }
      expect(succeeded / calls).toBeGreaterThanOrEqual(0.999);
      // It rests five seconds after each trial; 2,000 calls take about 100 s.
      expect(deadCalls).toBeLessThan(calls / 40);
      expect(ground.settled).toHaveLength(ground.admitted.length);
    },
    60_000,
  );

  it('survives bursts of calls at the same time', async () => {
    const random = seededRandom(5);
    const ground = createDispatcherGround(modelListOf({ chat: ids.map((id) => ({ id })) }), { seed: 5 });
    const rule = world(random, 'b');
    for (const id of ids) ground.endings[id] = rule(id);
    let succeeded = 0;
    for (let burst = 0; burst < 50; burst += 1) {
      const answers = Array.from({ length: 100 }, () =>
        ground.dispatch('chat').then(
          () => 1,
          () => 0,
        ),
      );
      await ground.clock.advance(3000);
      succeeded += (await Promise.all(answers)).reduce((sum: number, one) => sum + one, 0);
    }
    expect(succeeded).toBeGreaterThanOrEqual(4995);
    expect(ground.dispatcher.states().every(({ inFlight }) => inFlight === 0)).toBe(true);
  }, 60_000);
});
