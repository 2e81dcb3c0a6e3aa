import type { Accounting, Admission } from './accounting.ts';
import { withCost } from './model-cost.ts';

/** Admits every call and keeps no rows: for parts of Agent33 that run without a database. Costs are told all the same. */
export const unlimitedAccounting: Accounting = {
  name: 'accounting',
  start: () => Promise.resolve(),
  stop: () => Promise.resolve(),
  admit: ({ deployment: { price } }): Promise<Admission> =>
    Promise.resolve({
      maxOutputTokens: undefined,
      settle: ({ usage }) => (usage === undefined ? undefined : withCost(usage, price)),
    }),
  recordHit: () => {},
};
