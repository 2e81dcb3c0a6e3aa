import { z } from 'zod';

const usd = z.number().nonnegative();

const tokenPrices = {
  inputPerMillion: usd,
  outputPerMillion: usd.default(0),
  cachedInputPerMillion: usd
    .optional()
    .describe("Input from the provider's prompt cache; as other input when left out."),
  cacheWritePerMillion: usd
    .optional()
    .describe("Input written to the provider's prompt cache; as other input when left out."),
};

/** What a model costs. */
export const modelPrice = z
  .strictObject({
    ...tokenPrices,
    tiers: z
      .array(
        z.strictObject({
          aboveInputTokens: z.int().positive().describe('Holds for requests with more input than that.'),
          ...tokenPrices,
        }),
      )
      .max(8)
      .optional()
      .describe('Prices of long requests, for all their tokens.'),
  })
  .describe('USD per million tokens.');
