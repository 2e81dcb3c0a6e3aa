import { z } from 'zod';
import { modelName } from './deployment.ts';
import { durationMs } from './metadata.ts';

const tenMinutes = 600_000;
const mebibyte = 1024 * 1024;

/** `spec.models.cache`: answers that are given again. What is not written is off. */
export const modelCache = z
  .strictObject({
    exact: z
      .strictObject({
        ttl: durationMs.default(tenMinutes).describe('How long an answer is kept.'),
        maxBytes: z
          .int()
          .min(mebibyte)
          .default(64 * mebibyte)
          .describe('Most memory of this process; the answers used longest ago go first. Not for Redis.'),
      })
      .optional()
      .describe('Answers to requests that are the same to the letter.'),
    semantic: z
      .strictObject({
        threshold: z
          .number()
          .gt(0)
          .max(1)
          .default(0.95)
          .describe('Least likeness (cosine) of two questions.'),
        embeddings: modelName.describe('Group or model that turns questions into vectors.'),
        ttl: durationMs.default(tenMinutes),
        maxEntries: z.int().positive().max(100_000).default(2000).describe('Most answers of one tenant.'),
        timeout: durationMs.default(2000).describe('Longer is not waited for a vector.'),
      })
      .optional()
      .describe('Answers to requests that differ only in how their last question is put.'),
    embeddings: z
      .strictObject({ ttl: durationMs.default(86_400_000) })
      .optional()
      .describe('Vectors of texts that were asked for before; shares the room of `exact`.'),
    exclude: z
      .strictObject({
        models: z.array(z.string().min(1)).default([]).describe('Names or patterns, such as `openai/*`.'),
        keys: z.array(z.string().min(1)).default([]).describe('Principals, such as `key:ID`.'),
      })
      .prefault({})
      .describe('Whose answers never come from the cache and never go into it.'),
  })
  .describe('Answers that are given again instead of being asked for; off unless written.');

export type ModelCacheSettings = z.output<typeof modelCache>;
