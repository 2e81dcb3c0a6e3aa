import type { AgentDefinition } from '../../protocol/index.ts';
import type { CallerLimit } from './caller.ts';

/** Limits that an agent's definition sets for each of its runs. */
export function runLimitsOf(definition: AgentDefinition, runId: string): readonly CallerLimit[] {
  const { budgetUsd } = definition.spec.limits;
  if (budgetUsd === undefined) return [];
  return [{ subject: `run:${runId}`, limits: { budgets: [{ usd: budgetUsd, period: 'total' }] } }];
}
