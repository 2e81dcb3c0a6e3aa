import { z } from 'zod';
import { parseDuration } from '../../base/index.ts';

const periods: Readonly<Record<string, number | 'month' | 'total'>> = {
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  week: 7 * 86_400_000,
  month: 'month',
  '1mo': 'month',
  total: 'total',
};

/** Money within a period: `day`, `week`, `month` of the calendar, `total`, or a duration such as `12h`. */
export const budgetSpec = z.strictObject({
  usd: z.number().nonnegative().describe('US dollars.'),
  period: z
    .union([z.string(), z.number().positive()])
    .transform((value, context): number | 'month' | 'total' => {
      const period = typeof value === 'number' ? value : (periods[value] ?? parseDuration(value));
      if (period !== undefined && period !== 0) return period;
      context.addIssue({
        code: 'custom',
        message: 'expected minute, hour, day, week, month, total or a duration such as "12h"',
      });
      return z.NEVER;
    })
    .describe('day, week, month of the calendar, total, or a duration such as "12h".'),
});

export type BudgetSpec = z.output<typeof budgetSpec>;
