import { z } from 'zod';
import { durationMs } from './metadata.ts';

const piiKinds = ['email', 'phone', 'iban', 'card', 'ip'] as const;

const secrets = z.strictObject({
  action: z.enum(['redact', 'block']).default('redact').describe('What becomes of a secret.'),
});

const pii = z.strictObject({
  kinds: z
    .array(z.enum(piiKinds))
    .min(1)
    .default([...piiKinds]),
  action: z.enum(['mask', 'block']).default('mask'),
});

const words = z.array(z.string().min(1).max(200)).max(5000);

const blockWords = z.strictObject({
  words: words.default([]).describe('Whole words or phrases; upper and lower case are the same.'),
  patterns: z.array(z.string().min(1).max(1000)).max(500).default([]).describe('Regular expressions (RE2).'),
  window: z
    .int()
    .positive()
    .max(16_384)
    .default(128)
    .describe('Longest text that a pattern fits; so much of a stream is held back.'),
  action: z.enum(['block', 'mask']).default('block'),
});

/** One guard of the list: a name, or one name with its settings. */
const guard = z.union([
  z.enum(['secrets', 'pii']),
  z.strictObject({ secrets }),
  z.strictObject({ pii }),
  z.strictObject({ maxBytes: z.int().positive() }),
  z.strictObject({ maxTokens: z.int().positive() }),
  z.strictObject({ blockWords: z.union([words.min(1), blockWords]) }),
  z.strictObject({
    guard: z
      .strictObject({
        name: z.string().min(1).max(100),
        onError: z.enum(['block', 'allow']).optional(),
        timeout: durationMs.optional(),
      })
      .describe('A guard of a plugin, at this place.'),
  }),
]);

/** `spec.models.guards`: who looks at requests and answers, one after the other. */
export const modelGuards = z
  .strictObject({
    input: z.array(guard).max(50).default([]).describe('They look at what is asked.'),
    output: z.array(guard).max(50).default([]).describe('They look at what is answered.'),
  })
  .describe('Guards of model calls; none unless written, but those of plugins.');

export type ModelGuardSettings = z.output<typeof modelGuards>;
export type GuardSetting = z.output<typeof guard>;
export type PiiKind = (typeof piiKinds)[number];
