import { listedPrices, type PriceRow } from './listed-prices.ts';

/** USD per million tokens. */
interface TokenPrices {
  readonly inputPerMillion: number;
  readonly outputPerMillion: number;
  /** Input that the provider had in its prompt cache; absent: as other input. */
  readonly cachedInputPerMillion?: number | undefined;
  /** Input that the provider puts into its prompt cache; absent: as other input. */
  readonly cacheWritePerMillion?: number | undefined;
}

/** Prices of requests with more input than that, all their tokens included. */
export interface PriceTier extends TokenPrices {
  readonly aboveInputTokens: number;
}

/** USD per million tokens; long requests may have prices of their own. */
export interface ModelPrice extends TokenPrices {
  readonly tiers?: readonly PriceTier[] | undefined;
}

function toPrice([input, output, more = {}]: PriceRow): ModelPrice {
  const { cached, write, long } = more;
  return {
    inputPerMillion: input,
    outputPerMillion: output,
    ...(cached === undefined ? {} : { cachedInputPerMillion: cached }),
    ...(write === undefined ? {} : { cacheWritePerMillion: write }),
    ...(long === undefined ? {} : { tiers: [{ aboveInputTokens: long.above, ...toPrice(long.row) }] }),
  };
}

/** List prices by `provider/model`; see `listed-prices.ts` for where they come from and of which day they are. */
export const priceTable: ReadonlyMap<string, ModelPrice> = new Map(
  Object.entries(listedPrices).flatMap(([provider, { models }]) =>
    Object.entries(models).map(([model, row]) => [`${provider}/${model}`, toPrice(row)] as const),
  ),
);
