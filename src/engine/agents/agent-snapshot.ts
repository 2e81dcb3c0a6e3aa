import { createHash } from 'node:crypto';
import { AppError, canonicalJson } from '../../base/index.ts';
import type { AgentDefinition, Scope } from '../../protocol/index.ts';
import type { StoredAgent } from './agent-store.ts';
import { delegatesOf, type TargetCard, type TargetDirectory } from './target-directory.ts';

const dayMs = 86_400_000;
/** Longest life of a run whose definition says nothing. */
const defaultTimeoutMs = 300_000;
/** The same, where a person may have to answer. */
export const waitingTimeoutMs = 7 * dayMs;

/** An agent as a run of it starts: what it gives work to is fixed with it. */
export interface AgentSnapshot extends AgentDefinition {
  /** Those of `spec.delegates`, in their order; left out where there are none. */
  readonly delegates?: readonly TargetCard[];
}

/** An agent with what its definition names. Error: `invalid_definition` when a delegate does not exist. */
export async function snapshotAgent(
  targets: TargetDirectory,
  scope: Scope,
  { definition, hash }: StoredAgent,
): Promise<{ readonly hash: string; readonly agent: AgentSnapshot; readonly timeoutMs: number }> {
  const { spec, metadata } = definition;
  const delegates: TargetCard[] = [];
  for (const [index, target] of delegatesOf(definition).entries()) {
    try {
      delegates.push(await targets.card(scope, target));
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'not_found') throw error;
      throw new AppError(
        'invalid_definition',
        `agent "${metadata.name}": spec.delegates.${index}: ${error.message}`,
        { cause: error },
      );
    }
  }
  const itself = [{ kind: 'agent' as const, name: metadata.name }];
  const timeoutMs =
    spec.limits.timeout ?? ((await targets.anyWaits(scope, itself)) ? waitingTimeoutMs : defaultTimeoutMs);
  if (delegates.length === 0) return { hash, agent: definition, timeoutMs };
  return {
    hash: createHash('sha256').update(hash).update(canonicalJson(delegates)).digest('base64url'),
    agent: { ...definition, delegates },
    timeoutMs,
  };
}

/** The agent with another model: settings of the provider and fall-backs belonged to the old one. */
export function withModel(agent: AgentSnapshot, name: string): AgentSnapshot {
  const { provider: _provider, ...sampling } = agent.spec.model ?? {};
  return { ...agent, spec: { ...agent.spec, model: { ...sampling, name, config: {}, fallbacks: [] } } };
}
