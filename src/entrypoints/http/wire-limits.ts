import { z } from 'zod';
import type { LimitView, SubjectLimits } from '../../capabilities/accounting/index.ts';
import { limitValues, type LimitValues } from '../../protocol/index.ts';

const period = z.union([z.string(), z.number()]).describe('1h, 1d, 1w, month, total, or another duration.');
const budget = z.object({ usd: z.number(), period });

const wireValues = z.object({
  rpm: z.number().nullable().optional(),
  tpm: z.number().nullable().optional(),
  parallel: z.number().nullable().optional(),
  budgets: z.array(budget).nullable().optional(),
  unpriced: z.enum(['allow', 'deny']).nullable().optional(),
});

/** Limits as they are set; what is left out is inherited, null lifts what would be inherited. */
export const limitBody = limitValues.refine((values) => Object.keys(values).length > 0, {
  message: 'expected at least one of rpm, tpm, parallel, budgets, unpriced',
});

export const wireLimit = z
  .object({
    subject: z.string(),
    stored: wireValues
      .extend({ updated_by: z.string(), updated_at: z.string() })
      .nullable()
      .describe('As set through this API.'),
    file: wireValues.nullable().describe('As the project says in agent33.yaml.'),
    effective: wireValues.describe('What holds: stored, file and `*` together. Empty: no limit.'),
    use: z
      .array(
        z.object({
          subject: z.string(),
          requests: z.number().describe('Within the last 60 s.'),
          tokens: z.number().describe('Within the last 60 s.'),
          parallel: z.number().describe('Under way now.'),
          budgets: z.array(
            budget.extend({
              spent_usd: z.number(),
              reserved_usd: z.number().describe('Of calls under way.'),
              remaining_usd: z.number(),
              resets_at: z.string().nullable().describe('When it begins anew; null: never.'),
            }),
          ),
        }),
      )
      .describe('What was used; nothing for `*`.'),
  })
  .meta({ id: 'Limit' });

const hourMs = 3_600_000;
const units: readonly (readonly [unit: string, milliseconds: number])[] = [
  ['w', 168 * hourMs],
  ['d', 24 * hourMs],
  ['h', hourMs],
  ['m', 60_000],
];

function periodToWire(value: number | 'month' | 'total'): string {
  if (typeof value === 'string') return value;
  const [unit, length] = units.find(([, milliseconds]) => value % milliseconds === 0) ?? ['ms', 1];
  return `${value / length}${unit}`;
}

function valuesToWire({ budgets, ...rest }: LimitValues): z.output<typeof wireValues> {
  if (budgets === undefined || budgets === null) return budgets === undefined ? rest : { ...rest, budgets };
  return { ...rest, budgets: budgets.map((one) => ({ usd: one.usd, period: periodToWire(one.period) })) };
}

function effectiveToWire({ unpriced, budgets, ...rest }: SubjectLimits): z.output<typeof wireValues> {
  return valuesToWire({
    ...rest,
    ...(budgets === undefined
      ? {}
      : { budgets: [...budgets], unpriced: unpriced === 'allow' ? 'allow' : 'deny' }),
  });
}

/** Limits of a subject as they are told. */
export function limitToWire(view: LimitView): z.output<typeof wireLimit> {
  const { stored } = view;
  return {
    subject: view.subject,
    stored:
      stored === null
        ? null
        : { ...valuesToWire(stored.values), updated_by: stored.updatedBy, updated_at: stored.updatedAt },
    file: view.file === null ? null : valuesToWire(view.file),
    effective: effectiveToWire(view.effective),
    use: view.use.map(({ budgets, ...figures }) => ({
      ...figures,
      budgets: budgets.map((one) => ({
        usd: one.usd,
        period: periodToWire(one.period),
        spent_usd: one.spentUsd,
        reserved_usd: one.reservedUsd,
        remaining_usd: Math.max(0, one.usd - one.spentUsd - one.reservedUsd),
        resets_at: one.resetsAtMs === null ? null : new Date(one.resetsAtMs).toISOString(),
      })),
    })),
  };
}
