import type { Usage } from '../../protocol/index.ts';
import { priceTable, type ModelPrice } from './price-table.ts';

/** Releases of one model differ in a date at the end and cost the same. */
const releaseSuffix = /-(?:\d{4}-\d{2}-\d{2}|\d{8}|latest)$/;

/** Price of a model: the project's own by `provider/model` or model name, then the table; `undefined` when unknown. */
export function priceOf(
  provider: string,
  model: string,
  overrides: Readonly<Record<string, ModelPrice>>,
): ModelPrice | undefined {
  const plain = model.replace(releaseSuffix, '');
  const own =
    overrides[`${provider}/${model}`] ??
    overrides[model] ??
    overrides[`${provider}/${plain}`] ??
    overrides[plain];
  if (own !== undefined) return own;
  const listed = priceTable[`${provider}/${plain}`];
  return listed === undefined ? undefined : { inputPerMillion: listed[0], outputPerMillion: listed[1] };
}

/** The usage with its cost. What the provider itself says stands; an unknown price leaves the cost `null`. */
export function withCost(
  usage: Usage,
  provider: string,
  model: string,
  overrides: Readonly<Record<string, ModelPrice>>,
): Usage {
  if (usage.costUsd !== null) return usage;
  const price = priceOf(provider, model, overrides);
  if (price === undefined) return usage;
  const micros = usage.inputTokens * price.inputPerMillion + usage.outputTokens * price.outputPerMillion;
  return { ...usage, costUsd: micros / 1_000_000 };
}
