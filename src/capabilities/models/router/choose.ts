import type { Strategy } from './deployment.ts';
import type { GroupPlan } from './group-plan.ts';
import type { PickQuery } from './pick-query.ts';
import { bucketOf } from './sliding-window.ts';

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

/** The one with the lowest of `plan.scores`, which hold a score for each place in `from`; of several any. */
function lowestScore(plan: GroupPlan, from: Int32Array, count: number, random: () => number): number {
  const { scores } = plan;
  let best = Infinity;
  let ties = 0;
  let first = 0;
  for (let at = 0; at < count; at += 1) {
    const score = scores[at] ?? Infinity;
    if (score < best) {
      best = score;
      ties = 1;
      first = at;
    } else if (score === best) {
      if (ties === 0) first = at;
      ties += 1;
    }
  }
  if (ties < 2) return from[first] ?? 0;
  let wanted = Math.floor(random() * ties);
  for (let at = first; at < count; at += 1) {
    if ((scores[at] ?? Infinity) !== best) continue;
    if (wanted === 0) return from[at] ?? 0;
    wanted -= 1;
  }
  return from[first] ?? 0;
}

function weightedOfAll(plan: GroupPlan, count: number, random: () => number): number {
  const { cumulative } = plan;
  const total = cumulative[count - 1] ?? 0;
  if (total <= 0) return anyOf(plan.everyone, count, random);
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

function weightedOf(plan: GroupPlan, from: Int32Array, count: number, random: () => number): number {
  const { weights } = plan;
  let total = 0;
  for (let at = 0; at < count; at += 1) total += weights[from[at] ?? 0] ?? 0;
  if (total <= 0) return anyOf(from, count, random);
  let point = random() * total;
  for (let at = 0; at < count; at += 1) {
    const index = from[at] ?? 0;
    point -= weights[index] ?? 0;
    if (point < 0) return index;
  }
  return from[count - 1] ?? 0;
}

const weighted: Chooser = (plan, from, count, _query, _nowMs, random) =>
  from === plan.everyone ? weightedOfAll(plan, count, random) : weightedOf(plan, from, count, random);

const leastBusy: Chooser = (plan, from, count, _query, _nowMs, random) => {
  const { scores, health } = plan;
  for (let at = 0; at < count; at += 1) scores[at] = health[from[at] ?? 0]?.inFlight ?? 0;
  return lowestScore(plan, from, count, random);
};

const usage: Chooser = (plan, from, count, query, nowMs, random) => {
  const { scores, health, callShare, tokenShare, allLimited } = plan;
  const bucket = bucketOf(nowMs);
  for (let at = 0; at < count; at += 1) {
    const index = from[at] ?? 0;
    const window = health[index]?.window;
    if (window === undefined) continue;
    if (window.bucket !== bucket) window.advance(nowMs);
    if (allLimited) {
      const calls = (window.starts + 1) * (callShare[index] ?? 0);
      const tokens = (window.tokens + query.inputTokens) * (tokenShare[index] ?? 0);
      scores[at] = calls > tokens ? calls : tokens;
    } else scores[at] = window.tokens + window.starts / 1e6;
  }
  return lowestScore(plan, from, count, random);
};

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
  const { scores, inputPrice, outputPrice } = plan;
  const input = Math.max(1, query.inputTokens);
  const output = Math.max(1, expectedOutput(query));
  for (let at = 0; at < count; at += 1) {
    const index = from[at] ?? 0;
    scores[at] = input * (inputPrice[index] ?? Infinity) + output * (outputPrice[index] ?? Infinity);
  }
  return lowestScore(plan, from, count, random);
};

const byOrder: Chooser = (plan, from, count, _query, _nowMs, random) => {
  const { order, chosen } = plan;
  if (!plan.anyOrder) return from[0] ?? 0;
  let best = Infinity;
  let same = 0;
  for (let at = 0; at < count; at += 1) {
    const index = from[at] ?? 0;
    const value = order[index] ?? Infinity;
    if (value < best) {
      best = value;
      same = 0;
    }
    if (value === best) {
      chosen[same] = index;
      same += 1;
    }
  }
  return weightedOf(plan, chosen, same, random);
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
