import { readStepKey } from './step-keys.ts';
import type { WorkflowPlan } from './plan-workflow.ts';

/**
 * Can the act `key` have been decided by what the act `from` came to? By the graph: of one step by element, iteration and
 * try. Keys that no step has count as downstream.
 */
export function isDownstreamOf(plan: Pick<WorkflowPlan, 'downstream'>, from: string, key: string): boolean {
  const cause = readStepKey(from);
  const effect = readStepKey(key);
  const [causeId, effectId] = [cause?.path.at(-1), effect?.path.at(-1)];
  if (cause === undefined || effect === undefined || causeId === undefined || effectId === undefined)
    return true;
  if (causeId !== effectId) return plan.downstream(causeId).has(effectId);
  if (cause.path.length !== effect.path.length) return true;
  if (cause.index !== effect.index) return false;
  if (cause.iteration !== undefined && effect.iteration !== undefined && cause.iteration !== effect.iteration)
    return effect.iteration > cause.iteration;
  return effect.attempt >= cause.attempt;
}
