import { AppError, type JsonObject } from '../../base/index.ts';
import type {
  AgentDefinition,
  DefinitionKind,
  RunTarget,
  Scope,
  TeamDefinition,
  WorkflowSpec,
} from '../../protocol/index.ts';
import type { DefinitionStore } from '../definitions/index.ts';

type Reader<K extends DefinitionKind> = Pick<DefinitionStore<K>, 'get'>;

/** What whoever gives work to a target needs to know of it. */
export interface TargetCard {
  readonly kind: RunTarget['kind'];
  readonly name: string;
  readonly description: string;
  /** JSON Schema of its input; `null` for a message. */
  readonly parameters: JsonObject | null;
}

/** Agents, teams and workflows as seen by those that give work to them. */
export interface TargetDirectory {
  /** Error: `not_found` with the nearest name. */
  card(scope: Scope, target: RunTarget): Promise<TargetCard>;
  /** May one of them wait for a person, itself or in what it starts? Targets that are missing wait for nobody. */
  anyWaits(scope: Scope, targets: readonly RunTarget[]): Promise<boolean>;
}

/** May an agent's own calls wait for a person? */
function asksPeople({ spec }: AgentDefinition): boolean {
  return spec.askPeople !== undefined || spec.tools.some((use) => use.approval !== undefined);
}

/** What an agent gives work to. */
export function delegatesOf({ spec }: AgentDefinition): readonly RunTarget[] {
  return spec.delegates.map((one) =>
    one.agent !== undefined
      ? { kind: 'agent', name: one.agent }
      : one.team !== undefined
        ? { kind: 'team', name: one.team }
        : { kind: 'workflow', name: one.workflow ?? '' },
  );
}

/** What a team gives work to, its lead included where it is an agent. */
export function membersOf({ spec }: TeamDefinition): readonly RunTarget[] {
  const members = spec.members.map((one): RunTarget =>
    one.agent === undefined ? { kind: 'team', name: one.team ?? '' } : { kind: 'agent', name: one.agent },
  );
  if (spec.lead === undefined || spec.mode === 'handoff') return members;
  return [...members, { kind: 'agent', name: spec.lead }];
}

async function found<T>(wanted: Promise<T>): Promise<T | undefined> {
  try {
    return await wanted;
  } catch (error) {
    if (error instanceof AppError && error.code === 'not_found') return undefined;
    throw error;
  }
}

/** Reads the stores of all kinds of targets. */
export function createTargetDirectory(stores: {
  readonly agents: Reader<'Agent'>;
  readonly teams: Reader<'Team'>;
  readonly workflows: Reader<'Workflow'>;
  /** The inputs of a workflow as one JSON Schema of an object. */
  readonly workflowInputs: (spec: WorkflowSpec) => JsonObject;
}): TargetDirectory {
  async function waits(scope: Scope, target: RunTarget, seen: Set<string>): Promise<boolean> {
    const id = `${target.kind} ${target.name}`;
    if (seen.has(id)) return false;
    seen.add(id);
    // A workflow lives for days by default, since most that people are asked for is in one.
    if (target.kind === 'workflow') return true;
    if (target.kind === 'team') {
      const team = await found(stores.teams.get(scope, target.name));
      return team !== undefined && (await anyWaits(scope, membersOf(team.definition), seen));
    }
    const agent = await found(stores.agents.get(scope, target.name));
    if (agent === undefined) return false;
    return asksPeople(agent.definition) || (await anyWaits(scope, delegatesOf(agent.definition), seen));
  }

  async function anyWaits(scope: Scope, targets: readonly RunTarget[], seen: Set<string>): Promise<boolean> {
    for (const target of targets) if (await waits(scope, target, seen)) return true;
    return false;
  }

  return {
    anyWaits: (scope, targets) => anyWaits(scope, targets, new Set()),
    async card(scope, { kind, name }) {
      const { metadata, spec } = (
        kind === 'agent'
          ? await stores.agents.get(scope, name)
          : kind === 'team'
            ? await stores.teams.get(scope, name)
            : await stores.workflows.get(scope, name)
      ).definition;
      return {
        kind,
        name,
        description: spec.description || metadata.description || '',
        parameters: 'steps' in spec ? stores.workflowInputs(spec) : null,
      };
    },
  };
}
