import { z } from 'zod';

/** USD per million tokens. */
export const priceSpec = z
  .strictObject({
    inputPerMillion: z.number().nonnegative(),
    outputPerMillion: z.number().nonnegative().default(0),
    cachedInputPerMillion: z
      .number()
      .nonnegative()
      .optional()
      .describe('Input that the provider had cached.'),
    cacheWritePerMillion: z
      .number()
      .nonnegative()
      .optional()
      .describe('Input that the provider stores in its cache.'),
  })
  .describe('USD per million tokens.');
