import { createHash } from 'node:crypto';
import { AppError, canonicalJson } from '../../base/index.ts';
import {
  agentDefinition,
  type AgentDefinition,
  type Scope,
  type TeamDefinition,
} from '../../protocol/index.ts';
import {
  membersOf,
  snapshotAgent,
  waitingTimeoutMs,
  type AgentSnapshot,
  type Delegate,
  type TargetDirectory,
} from '../agents/index.ts';
import type { DefinitionStore } from '../definitions/index.ts';

/** Longest life of a team's run whose definition says nothing. */
const defaultTimeoutMs = 1_800_000;

export interface TeamSnapshotDeps {
  readonly teams: Pick<DefinitionStore<'Team'>, 'get'>;
  readonly agents: Pick<DefinitionStore<'Agent'>, 'get'>;
  readonly targets: TargetDirectory;
}

/** A team as a run of it starts, with what it names. */
export interface TeamSnapshot {
  readonly team: TeamDefinition;
  /** In the order of the definition. */
  readonly members: readonly Delegate[];
  /** Who leads, picks or synthesises; not used in mode handoff. */
  readonly lead: AgentSnapshot;
}

/** A lead where no agent leads: nothing but the team's model. */
function plainLead({ spec }: TeamDefinition): AgentDefinition {
  const plain = agentDefinition.parse({
    apiVersion: 'agent33/v1',
    kind: 'Agent',
    metadata: { name: 'lead' },
    spec: {},
  });
  return { ...plain, spec: { ...plain.spec, model: spec.model } };
}

async function named<T>(team: string, field: string, wanted: Promise<T>): Promise<T> {
  try {
    return await wanted;
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'not_found') throw error;
    throw new AppError('invalid_definition', `team "${team}": ${field}: ${error.message}`, { cause: error });
  }
}

/** A team with what its definition names. Errors: `not_found`; `invalid_definition` when a member or the lead does not exist. */
export async function snapshotTeam(
  { teams, agents, targets }: TeamSnapshotDeps,
  scope: Scope,
  name: string,
): Promise<{ readonly hash: string; readonly snapshot: TeamSnapshot; readonly timeoutMs: number }> {
  const { definition: team, hash } = await teams.get(scope, name);
  const { spec } = team;
  const members: Delegate[] = [];
  for (const [index, member] of spec.members.entries()) {
    const target =
      member.agent === undefined
        ? { kind: 'team' as const, name: member.team ?? '' }
        : { kind: 'agent' as const, name: member.agent };
    const card = await named(name, `spec.members.${index}`, targets.card(scope, target));
    members.push({ ...card, label: member.name, description: member.description || card.description });
  }
  let lead: AgentSnapshot = plainLead(team);
  if (spec.lead !== undefined && spec.mode !== 'handoff') {
    const stored = await named(name, 'spec.lead', agents.get(scope, spec.lead));
    ({ agent: lead } = await snapshotAgent(targets, scope, stored));
  }
  const snapshot: TeamSnapshot = { team, members, lead };
  const timeoutMs =
    spec.limits.timeout ??
    ((await targets.anyWaits(scope, membersOf(team))) ? waitingTimeoutMs : defaultTimeoutMs);
  return {
    hash: createHash('sha256').update(hash).update(canonicalJson({ members, lead })).digest('base64url'),
    snapshot,
    timeoutMs,
  };
}
