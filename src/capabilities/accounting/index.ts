export type * from './accounting.ts';
export type * from './caller.ts';
export type * from './caller-directory.ts';
export type * from './ledger.ts';
export { priceOf, withCost } from './model-cost.ts';
export type { ModelPrice } from './price-table.ts';
