import { z } from 'zod';
import { parseDuration } from '../../base/index.ts';

const dayMs = 86_400_000;
const named: Readonly<Record<string, number>> = {
  minute: 60_000,
  hour: 3_600_000,
  day: dayMs,
  week: 7 * dayMs,
};
const shortestPeriodMs = 60_000;

/** Milliseconds of a budget's period, `month` of the calendar or `total`; `undefined` for anything else. */
export function parseBudgetPeriod(text: string): number | 'month' | 'total' | undefined {
  if (text === 'month' || text === 'total') return text;
  const weeks = /^(\d+)w$/.exec(text)?.[1];
  const milliseconds = named[text] ?? (weeks === undefined ? parseDuration(text) : Number(weeks) * 7 * dayMs);
  return milliseconds === undefined || milliseconds < shortestPeriodMs ? undefined : milliseconds;
}

const period = z
  .union([z.string(), z.number().min(shortestPeriodMs)])
  .transform((value, context) => {
    const parsed = typeof value === 'number' ? value : parseBudgetPeriod(value);
    if (parsed !== undefined) return parsed;
    context.addIssue({
      code: 'custom',
      message: 'expected a period such as "1h", "1d", "1w", "month" or "total"',
    });
    return z.NEVER;
  })
  .describe('After what time it begins anew: 1h, 1d, 1w, month (of the calendar) or total (never), in UTC.');

const fields = {
  rpm: z.int().positive().describe('Most calls within any 60 s.'),
  tpm: z.int().positive().describe('Most tokens, input and output, within any 60 s.'),
  parallel: z.int().positive().describe('Most calls at the same time.'),
  budgets: z
    .array(z.strictObject({ usd: z.number().positive().max(1e9), period }))
    .max(8)
    .describe('Most money within a period; each of them holds.'),
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
