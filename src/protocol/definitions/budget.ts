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
function parseBudgetPeriod(text: string): number | 'month' | 'total' | undefined {
  if (text === 'month' || text === '1mo') return 'month';
  if (text === 'total') return text;
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

/** Money within a period. */
export const budgetSpec = z.strictObject({
  usd: z.number().positive().max(1e9).describe('US dollars.'),
  period,
});
