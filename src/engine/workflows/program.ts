import { AppError, type Json, type JsonObject } from '../../base/index.ts';
import type { WorkflowDefinition, WorkflowStep } from '../../protocol/index.ts';
import { jsonataReferences } from '../expressions/index.ts';
import type { ActionRegistry } from './action-registry.ts';
import { stepTexts } from './plan-workflow-texts.ts';
import type { WorkflowAction } from './workflow-action.ts';

/** Which parts of what a step says have to be evaluated, and what they read. */
interface Templates {
  /** Inputs that hold expressions. */
  readonly inputs: boolean;
  /** Steps that any of its expressions may read. */
  readonly reads: readonly string[];
}

/** A step as the executor walks over it. Places count within its body. */
export interface Node {
  readonly step: WorkflowStep;
  readonly action: WorkflowAction;
  readonly place: number;
  /** Place in the topological order of the whole workflow: who wins where two steps write the same. */
  readonly rank: number;
  readonly dependencies: readonly number[];
  /** Steps whose failure leads here. */
  readonly handles: readonly number[];
  /** The step that its own failure leads to. */
  readonly goesTo: number | undefined;
  /** Steps that may begin when this one is final: those that depend on it and the one it goes to. */
  readonly downstream: readonly number[];
  readonly evaluated: JsonObject;
  readonly literal: JsonObject;
  readonly templates: Templates;
  /** Inner steps of a group. */
  readonly bodies: { readonly steps: Body; readonly else: Body } | undefined;
}

/** Steps side by side: those of the workflow, or of a group. */
export interface Body {
  readonly nodes: readonly Node[];
  readonly places: ReadonlyMap<string, number>;
  /** Steps that no other one depends on. */
  readonly last: readonly number[];
}

/** A definition, ready to be executed any number of times. */
export interface Program {
  readonly definition: WorkflowDefinition;
  readonly body: Body;
  /** Ids of the groups around each step, outermost first. */
  readonly groups: ReadonlyMap<string, readonly string[]>;
  /** Does any step write to the state of the run? */
  readonly writesState: boolean;
}

/** What reads expressions: which paths a template reads. */
interface References {
  references(template: Json): readonly (readonly string[])[];
}

function holdsExpression(value: Json | undefined): boolean {
  if (typeof value === 'string') return value.includes('{{') || value.includes('{%');
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).some((inner) => holdsExpression(inner));
}

/** Steps that a step's own expressions read. */
function stepsRead(step: WorkflowStep, expressions: References): readonly string[] {
  const read = new Set<string>(step.dependsOn);
  for (const { text, form } of stepTexts(step, []))
    for (const [root, id] of form === 'jsonata' ? jsonataReferences(text) : expressions.references(text))
      if (root === 'steps' && id !== undefined) read.add(id);
  return [...read];
}

/** What of a plan the executor needs: what each step follows, and an order in which that is respected. */
export interface PlanOrder {
  readonly steps: ReadonlyMap<string, { readonly dependencies: readonly string[] }>;
  readonly order: readonly string[];
}

/** Prepares a definition that passed its checks. Error: `invalid_definition`. */
export function compileWorkflow(
  definition: WorkflowDefinition,
  plan: PlanOrder,
  deps: { readonly actions: ActionRegistry; readonly expressions: References },
): Program {
  const ranks = new Map(plan.order.map((id, rank) => [id, rank]));
  const groups = new Map<string, readonly string[]>();
  const known = (id: string) => {
    const planned = plan.steps.get(id);
    if (planned === undefined) throw new AppError('invalid_definition', `there is no step "${id}"`);
    return planned;
  };
  const enclosing = (steps: readonly WorkflowStep[], around: readonly string[]): void => {
    for (const step of steps) {
      groups.set(step.id, around);
      for (const inner of [step.steps, step.else])
        if (inner !== undefined) enclosing(inner, [...around, step.id]);
    }
  };
  enclosing(definition.spec.steps, []);
  let writesState = false;

  const bodyOf = (steps: readonly WorkflowStep[]): Body => {
    const places = new Map(steps.map((step, place) => [step.id, place]));
    const dependencies = steps.map(() => new Set<number>());
    const handles = steps.map(() => new Set<number>());
    const downstream = steps.map(() => new Set<number>());
    /** The step of this body that holds `id`: itself, or the group around it; `undefined` for one outside. */
    const holder = (id: string): number | undefined =>
      places.get(id) ??
      groups
        .get(id)
        ?.map((group) => places.get(group))
        .find((place) => place !== undefined);
    const link = (step: WorkflowStep, place: number): void => {
      for (const id of known(step.id).dependencies) {
        const from = holder(id);
        if (from !== undefined && from !== place) dependencies[place]?.add(from);
      }
      for (const inner of [...(step.steps ?? []), ...(step.else ?? [])]) link(inner, place);
    };
    for (const [place, step] of steps.entries()) {
      link(step, place);
      if (typeof step.onError === 'object') {
        const target = places.get(step.onError.goto);
        if (target === undefined)
          throw new AppError(
            'invalid_definition',
            `step "${step.id}" goes to "${step.onError.goto}", which is not beside it`,
          );
        handles[target]?.add(place);
      }
    }
    for (const [place] of steps.entries())
      for (const from of [...(dependencies[place] ?? []), ...(handles[place] ?? [])])
        downstream[from]?.add(place);
    const nodes = steps.map((step, place): Node => {
      const action = deps.actions.get(step.action);
      if (action.mode === 'step' && action.writes === 'state') writesState = true;
      const entries = Object.entries(step.inputs as JsonObject);
      const literal = Object.fromEntries(entries.filter(([name]) => action.literal.includes(name)));
      const evaluated = Object.fromEntries(entries.filter(([name]) => !action.literal.includes(name)));
      return {
        step,
        action,
        place,
        rank: ranks.get(step.id) ?? 0,
        dependencies: [...(dependencies[place] ?? [])],
        handles: [...(handles[place] ?? [])],
        goesTo: typeof step.onError === 'object' ? places.get(step.onError.goto) : undefined,
        downstream: [...(downstream[place] ?? [])],
        evaluated,
        literal,
        templates: {
          inputs: holdsExpression(evaluated),
          reads: stepsRead(step, deps.expressions),
        },
        bodies:
          action.mode === 'group'
            ? { steps: bodyOf(step.steps ?? []), else: bodyOf(step.else ?? []) }
            : undefined,
      };
    });
    const followed = new Set(nodes.flatMap((node) => node.dependencies));
    const last = nodes.filter((node) => !followed.has(node.place)).map((node) => node.place);
    return { nodes, places, last };
  };

  const body = bodyOf(definition.spec.steps);
  return { definition, body, groups, writesState };
}

/** Steps that the outputs of the workflow read. */
export function outputReads(definition: WorkflowDefinition, expressions: References): readonly string[] {
  const paths = expressions.references((definition.spec.outputs ?? null) as Json);
  return [...new Set(paths.flatMap(([root, id]) => (root === 'steps' && id !== undefined ? [id] : [])))];
}
