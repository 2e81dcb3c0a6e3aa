export type * from './accounting.ts';
export type * from './caller.ts';
export type * from './ledger.ts';
export type * from './limit-source.ts';
export { estimateTokens } from './estimate-tokens.ts';
export { costOf, highestCost, priceOf, withCost } from './model-cost.ts';
export type { ModelPrice } from './price-table.ts';
export type * from './usage-row.ts';
