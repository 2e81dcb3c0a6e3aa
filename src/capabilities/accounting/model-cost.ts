import type { Usage } from '../../protocol/index.ts';
import { priceKey } from './price-key.ts';
import { priceTable, type ModelPrice, type PriceTier } from './price-table.ts';

/** Models on the user's own machine cost nothing to call. */
const ownMachine: ReadonlySet<string> = new Set(['ollama', 'local', 'lmstudio', 'lm_studio', 'offline']);
/** Ollama sends these to its own servers, on a subscription. */
const elsewhere = /[:-]cloud$/;
const free: ModelPrice = { inputPerMillion: 0, outputPerMillion: 0 };

/**
 * Price of a model: the project's own by `provider/model` or model name, then that of the user's own machine (0), then the
 * list; `undefined` when unknown.
 */
export function priceOf(
  provider: string,
  model: string,
  overrides: Readonly<Record<string, ModelPrice>>,
): ModelPrice | undefined {
  const { key, plain, premium } = priceKey(provider, model);
  const own = [`${provider}/${model}`, model, `${provider}/${plain}`, plain].find((name) =>
    Object.hasOwn(overrides, name),
  );
  if (own !== undefined) return overrides[own];
  if (ownMachine.has(provider)) return elsewhere.test(model) ? undefined : free;
  const listed = priceTable.get(key);
  return listed === undefined || premium === 1 ? listed : times(listed, premium);
}

function times(price: ModelPrice, factor: number): ModelPrice {
  const scale = (value: unknown): unknown => {
    if (Array.isArray(value))
      return value.map((tier: PriceTier) => ({
        ...times(tier, factor),
        aboveInputTokens: tier.aboveInputTokens,
      }));
    return typeof value === 'number' ? value * factor : value;
  };
  return Object.fromEntries(
    Object.entries(price).map(([name, value]) => [name, scale(value)]),
  ) as unknown as ModelPrice;
}

/** The prices that hold for a request with so much input. */
function tierOf(price: ModelPrice, inputTokens: number): ModelPrice {
  let found: ModelPrice | PriceTier = price;
  let above = -1;
  for (const tier of price.tiers ?? []) {
    if (inputTokens > tier.aboveInputTokens && tier.aboveInputTokens > above) {
      found = tier;
      above = tier.aboveInputTokens;
    }
  }
  return found;
}

/** What a call cost, in USD. */
export function costOf(usage: Omit<Usage, 'costUsd'>, price: ModelPrice): number {
  const { inputTokens, outputTokens, cachedInputTokens: cached = 0, cacheWriteTokens: written = 0 } = usage;
  const at = tierOf(price, inputTokens);
  const micros =
    Math.max(0, inputTokens - cached - written) * at.inputPerMillion +
    cached * (at.cachedInputPerMillion ?? at.inputPerMillion) +
    written * (at.cacheWritePerMillion ?? at.inputPerMillion) +
    outputTokens * at.outputPerMillion;
  return micros / 1_000_000;
}

/** The most that a call with at most so many tokens can cost, in USD: at the highest tier that it may reach, all input written to a cache. */
export function highestCost(price: ModelPrice, inputTokens: number, outputTokens: number): number {
  const reachable: readonly ModelPrice[] = [
    price,
    ...(price.tiers ?? []).filter(({ aboveInputTokens }) => inputTokens > aboveInputTokens),
  ];
  const highest = (pick: (at: ModelPrice) => number): number => Math.max(...reachable.map(pick));
  const input = highest((at) => Math.max(at.inputPerMillion, at.cacheWritePerMillion ?? 0));
  return (inputTokens * input + outputTokens * highest((at) => at.outputPerMillion)) / 1_000_000;
}

/** The usage with its cost. What the provider itself says stands; an unknown price leaves the cost `null`. */
export function withCost(usage: Usage, price: ModelPrice | undefined): Usage {
  if (usage.costUsd !== null || price === undefined) return usage;
  return { ...usage, costUsd: costOf(usage, price) };
}
