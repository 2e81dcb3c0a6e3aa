import type { GroupPlan } from './group-plan.ts';
import type { PickQuery } from './pick-query.ts';
import type { Strategy } from './deployment.ts';

/** Chooses one of the first `count` indices in `from`. */
type Chooser = (
  plan: GroupPlan,
  from: Int32Array,
  count: number,
  query: PickQuery,
  nowMs: number,
  random: () => number,
) => number;

/** Output tokens that an answer is taken to have where the request names no bound. */
const usualOutputTokens = 300;

function expectedOutput(query: PickQuery): number {
  if (query.operation === 'embedding' || query.operation === 'rerank') return 0;
  return Math.min(query.maxOutputTokens ?? usualOutputTokens, 4000);
}

const anyOf = (from: Int32Array, count: number, random: () => number): number =>
  from[Math.floor(random() * count)] ?? 0;

/** The one with the lowest score; of several, each with the same chance. */
function lowest(
  from: Int32Array,
  count: number,
  random: () => number,
  score: (index: number) => number,
): number {
  let best = from[0] ?? 0;
  let bestScore = score(best);
  let ties = 1;
  for (let at = 1; at < count; at += 1) {
    const index = from[at] ?? 0;
    const value = score(index);
    if (value < bestScore) {
      best = index;
      bestScore = value;
      ties = 1;
    } else if (value === bestScore) {
      ties += 1;
      if (random() * ties < 1) best = index;
    }
  }
  return best;
}

const weighted: Chooser = (plan, from, count, _query, _nowMs, random) => {
  const { weights, cumulative } = plan;
  if (from === plan.everyone) {
    const total = cumulative[count - 1] ?? 0;
    if (total <= 0) return anyOf(from, count, random);
    const point = random() * total;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((cumulative[middle] ?? 0) > point) high = middle;
      else low = middle + 1;
    }
    return low;
  }
  let total = 0;
  for (let at = 0; at < count; at += 1) total += weights[from[at] ?? 0] ?? 0;
  if (total <= 0) return anyOf(from, count, random);
  let point = random() * total;
  for (let at = 0; at < count; at += 1) {
    point -= weights[from[at] ?? 0] ?? 0;
    if (point < 0) return from[at] ?? 0;
  }
  return from[count - 1] ?? 0;
};

const leastBusy: Chooser = (plan, from, count, _query, _nowMs, random) =>
  lowest(from, count, random, (index) => plan.health[index]?.inFlight ?? 0);

const usage: Chooser = (plan, from, count, query, nowMs, random) =>
  lowest(from, count, random, (index) => {
    const health = plan.health[index];
    if (health === undefined) return Infinity;
    const { window } = health;
    window.advance(nowMs);
    if (!plan.allLimited) return window.tokens + window.starts / 1e6;
    return Math.max(
      (window.starts + 1) / (plan.rpm[index] ?? Infinity),
      (window.tokens + query.inputTokens) / (plan.tpm[index] ?? Infinity),
    );
  });

/** The better of two drawn by chance: all clients together do not run to the one that is fastest now. */
const latency: Chooser = (plan, from, count, query, nowMs, random) => {
  if (count === 1) return from[0] ?? 0;
  const first = Math.floor(random() * count);
  const second = (first + 1 + Math.floor(random() * (count - 1))) % count;
  const a = from[first] ?? 0;
  const b = from[second] ?? 0;
  const one = plan.health[a];
  const other = plan.health[b];
  if (one === undefined || other === undefined) return a;
  // Nobody knows a new one until it was asked; one call at a time finds out.
  if (!one.latency.known && one.inFlight === 0) return a;
  if (!other.latency.known && other.inFlight === 0) return b;
  const tokens = expectedOutput(query);
  const known = one.latency.known ? one : other;
  const msOf = (health: typeof one): number =>
    Math.max(0.001, (health.latency.known ? health : known).latency.expectedMs(tokens, nowMs));
  return msOf(one) * (one.inFlight + 1) <= msOf(other) * (other.inFlight + 1) ? a : b;
};

const cost: Chooser = (plan, from, count, query, _nowMs, random) => {
  const input = Math.max(1, query.inputTokens);
  const output = Math.max(1, expectedOutput(query));
  return lowest(
    from,
    count,
    random,
    (index) => input * (plan.inputPrice[index] ?? Infinity) + output * (plan.outputPrice[index] ?? Infinity),
  );
};

const byOrder: Chooser = (plan, from, count, query, nowMs, random) => {
  if (!plan.anyOrder) return from[0] ?? 0;
  let best = Infinity;
  let same = 0;
  const chosen = new Int32Array(count);
  for (let at = 0; at < count; at += 1) {
    const index = from[at] ?? 0;
    const order = plan.order[index] ?? Infinity;
    if (order < best) {
      best = order;
      same = 0;
    }
    if (order === best) {
      chosen[same] = index;
      same += 1;
    }
  }
  return weighted(plan, chosen, same, query, nowMs, random);
};

const choosers: Readonly<Record<Strategy, Chooser>> = {
  'weighted-shuffle': weighted,
  'least-busy': leastBusy,
  usage,
  latency,
  cost,
  order: byOrder,
};

/** Lets the group's strategy choose; `count` is at least 1. */
export const choose: Chooser = (plan, from, count, query, nowMs, random) =>
  count === 1 ? (from[0] ?? 0) : choosers[plan.settings.strategy](plan, from, count, query, nowMs, random);
