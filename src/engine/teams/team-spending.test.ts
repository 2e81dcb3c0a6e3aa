import { expect, it } from 'vitest';
import { TeamSpending } from './team-spending.ts';

const cost = (costUsd: number | null) => ({ inputTokens: 1, outputTokens: 1, costUsd });

it('a sum of costs does not depend on their order, which differs between executions', () => {
  const parts = [0.1, 0.2, 0.3];
  const reached = [parts, parts.toReversed()].map((order) => {
    const spending = new TeamSpending('t', 0.6);
    for (const part of order) spending.add(cost(part));
    return spending.exhausted !== undefined;
  });
  expect(reached).toEqual([true, true]);
});

it('what has no price counts as 0 and is told of', () => {
  const spending = new TeamSpending('t', 0.5);
  for (const part of [null, 0.25, null]) spending.add(cost(part));
  spending.add({ inputTokens: 0, outputTokens: 0, costUsd: null });
  expect(spending.report).toEqual({ usd: 0.25, unpriced: 2 });
  expect(() => spending.check()).not.toThrow();
  spending.add(cost(0.25));
  expect(() => spending.check()).toThrow(
    'the budget of team "t" is used up: 0.5 of 0.5 USD (limits.budgetUsd); 2 calls or runs without a known price counted as 0',
  );
});

it('without a budget nothing is ever used up', () => {
  const spending = new TeamSpending('t', undefined);
  spending.add(cost(1e6));
  expect(spending.exhausted).toBeUndefined();
  expect(spending.report).toBeUndefined();
});
