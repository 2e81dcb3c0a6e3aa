import {
  defaultTargetOf,
  type Definition,
  type RouteTargetFields,
  type WorkflowStep,
} from '../../protocol/index.ts';

/** A definition that another one names. */
export interface NamedTarget {
  readonly kind: 'Agent' | 'Team' | 'Workflow';
  readonly name: string;
  readonly path: readonly PropertyKey[];
}

const kindOf = { agent: 'Agent', team: 'Team', workflow: 'Workflow' } as const;

/** What actions name in one of their inputs. */
const namedBy: Readonly<Record<string, { readonly kind: NamedTarget['kind']; readonly input: string }>> = {
  invoke_agent: { kind: 'Agent', input: 'agent' },
  invoke_team: { kind: 'Team', input: 'team' },
  run_workflow: { kind: 'Workflow', input: 'workflow' },
};

/** A name that is written down; one that an expression makes is known only at run time. */
export const isWritten = (name: unknown): name is string => typeof name === 'string' && !name.includes('{');

/** The definition that a step names, if it names one. */
export function targetOfStep(step: WorkflowStep, path: readonly PropertyKey[]): NamedTarget | undefined {
  const named = Object.hasOwn(namedBy, step.action) ? namedBy[step.action] : undefined;
  if (named === undefined) return undefined;
  const name = step.inputs[named.input];
  return isWritten(name) ? { kind: named.kind, name, path: [...path, 'inputs', named.input] } : undefined;
}

/** Every step of a list and of the groups in it, with where it stands. */
export function* everyStep(
  steps: readonly WorkflowStep[],
  path: readonly PropertyKey[],
): Generator<{ readonly step: WorkflowStep; readonly path: readonly PropertyKey[] }> {
  for (const [index, step] of steps.entries()) {
    const place = [...path, index];
    yield { step, path: place };
    yield* everyStep(step.steps ?? [], [...place, 'steps']);
    yield* everyStep(step.else ?? [], [...place, 'else']);
  }
}

function optional(
  given: { agent?: string | undefined; team?: string | undefined; workflow?: string | undefined },
  path: readonly PropertyKey[],
): readonly NamedTarget[] {
  return (['agent', 'team', 'workflow'] as const).flatMap((field) => {
    const name = given[field];
    if (name === undefined) return [];
    return [{ kind: kindOf[field], name, path: [...path, field] }];
  });
}

/** What a rule of routing names, in either spelling. */
function ofRule(rule: RouteTargetFields, path: readonly PropertyKey[]): readonly NamedTarget[] {
  return [
    ...optional(rule, path),
    ...optional({ agent: rule.agentId, team: rule.teamId, workflow: rule.workflowId }, path).map((one) => ({
      ...one,
      path: [...path, `${String(one.path.at(-1))}Id`],
    })),
  ];
}

/** Every definition that a definition names. */
export function targetsOf(definition: Definition): readonly NamedTarget[] {
  switch (definition.kind) {
    case 'Workflow':
      return [...everyStep(definition.spec.steps, ['spec', 'steps'])].flatMap(
        ({ step, path }) => targetOfStep(step, path) ?? [],
      );
    case 'Team': {
      const { members, lead } = definition.spec;
      const path = ['spec', 'members'];
      return [
        ...members.flatMap((member, index) =>
          optional({ agent: member.agent, team: member.team }, [...path, index]),
        ),
        ...(lead === undefined ? [] : [{ kind: 'Agent', name: lead, path: ['spec', 'lead'] } as const]),
      ];
    }
    case 'Agent':
      return definition.spec.delegates.flatMap((delegate, index) =>
        optional(delegate, ['spec', 'delegates', index]),
      );
    case 'Schedule':
    case 'Sensor': {
      const { kind, name } = definition.spec.start;
      return [{ kind: kindOf[kind], name, path: ['spec', 'start', kind] }];
    }
    case 'Route':
      return ofRule(definition.spec, ['spec']);
    case 'Channel': {
      const { spec } = definition;
      const { agents, routes } = spec;
      const answering = defaultTargetOf(spec);
      const side = 'targets' in spec ? (spec.targets ?? []) : [];
      return [
        ...(answering === undefined
          ? []
          : [{ kind: kindOf[answering.kind], name: answering.name, path: ['spec', answering.kind] }]),
        ...side.map(({ kind, name }, index) => ({
          kind: kindOf[kind],
          name,
          path: ['spec', 'targets', index, kind],
        })),
        ...agents.map((name, index) => ({ kind: 'Agent', name, path: ['spec', 'agents', index] }) as const),
        ...routes.flatMap((rule, index) => ofRule(rule, ['spec', 'routes', index])),
      ];
    }
    case 'Project': {
      const { sources, default: fallback } = definition.spec.routing;
      const path = ['spec', 'routing'];
      return [
        ...sources.flatMap((rule, index) => ofRule(rule, [...path, 'sources', index])),
        ...(fallback === undefined ? [] : ofRule(fallback, [...path, 'default'])),
      ];
    }
    case 'ModelRouter':
      break;
  }
  return [];
}
