import { z } from 'zod';
import { budgetSpec } from './budget.ts';

const fields = {
  rpm: z.int().positive().describe('Most calls within any 60 s.'),
  tpm: z.int().positive().describe('Most tokens, input and output, within any 60 s.'),
  parallel: z.int().positive().describe('Most calls at the same time.'),
  budgets: z.array(budgetSpec).max(8).describe('Most money within a period; each of them holds.'),
  unpriced: z
    .enum(['allow', 'deny'])
    .describe(
      'May a model be called whose price is unknown, although there are budgets? deny when left out.',
    ),
};

/** Limits as they are set; what is left out is inherited from a more general subject. */
export const limitValues = z.strictObject({
  rpm: fields.rpm.nullable().optional(),
  tpm: fields.tpm.nullable().optional(),
  parallel: fields.parallel.nullable().optional(),
  budgets: fields.budgets.nullable().optional(),
  unpriced: fields.unpriced.nullable().optional(),
});

/** Whom a limit is for: `tenant`, or one of a kind by name; `*` is each of them for itself. */
export const limitSubject = z
  .string()
  .max(300)
  .regex(
    /^(?:tenant|(?:key|user|team|agent|tag):[^\s].*|run:\*)$/u,
    'expected tenant, key:NAME, user:NAME, team:NAME, agent:NAME, tag:NAME (or * for each of them) or run:*',
  )
  .describe(
    'tenant, key:NAME, user:NAME, team:NAME, agent:NAME, tag:NAME, run:*; NAME may be * for each of them.',
  );

/** Limits of calls of models, by subject. */
export const modelLimits = z
  .array(limitValues.extend({ subject: limitSubject }))
  .max(1000)
  .describe('Most that calls of models may come to, by subject; all that fit a call hold together.');

export type LimitValues = z.output<typeof limitValues>;
export type ModelLimit = z.output<typeof modelLimits>[number];
