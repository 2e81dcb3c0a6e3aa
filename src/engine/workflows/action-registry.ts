import { AppError, didYouMean } from '../../base/index.ts';
import type { ActionDescription, WorkflowAction } from './workflow-action.ts';

/** Actions by name. */
export interface ActionRegistry {
  /** Errors: `conflict` when the name is taken, `invalid_definition` when the action is not of the right form. */
  register(action: WorkflowAction): void;
  find(name: string): WorkflowAction | undefined;
  /** Error: `invalid_definition`, with the nearest name. */
  get(name: string): WorkflowAction;
  /** All of them by name, in order of the alphabet. */
  list(): readonly ActionDescription[];
}

const modes: readonly unknown[] = ['step', 'durable', 'group'] satisfies readonly WorkflowAction['mode'][];

function assertAction(candidate: WorkflowAction): void {
  const given = candidate as
    | (Partial<ActionDescription> & Partial<Record<'mode' | 'run' | 'choose', unknown>>)
    | null;
  const faults: string[] = [];
  if (typeof given?.name !== 'string' || !/^[a-z][a-z0-9_]*$/.test(given.name))
    faults.push('name: expected snake_case');
  if (typeof given?.description !== 'string' || given.description === '')
    faults.push('description: expected a text');
  for (const field of ['inputs', 'output'] as const)
    if (typeof given?.[field] !== 'object' || given[field] === null)
      faults.push(`${field}: expected a JSON Schema`);
  if (!modes.includes(given?.mode)) faults.push('mode: expected "step", "durable" or "group"');
  const work = given?.mode === 'group' ? given.choose : given?.run;
  if (typeof work !== 'function')
    faults.push(`${given?.mode === 'group' ? 'choose' : 'run'}: expected a function`);
  if (faults.length > 0) throw new AppError('invalid_definition', `not an action: ${faults.join('; ')}`);
}

/** A registry of the given actions; plugins may register more. */
export function createActionRegistry(actions: readonly WorkflowAction[] = []): ActionRegistry {
  const byName = new Map<string, WorkflowAction>();
  const registry: ActionRegistry = {
    register(action) {
      assertAction(action);
      if (byName.has(action.name))
        throw new AppError('conflict', `an action named "${action.name}" is registered already`);
      byName.set(action.name, action);
    },
    find: (name) => byName.get(name),
    get(name) {
      const action = byName.get(name);
      if (action !== undefined) return action;
      throw new AppError(
        'invalid_definition',
        `there is no action "${name}"${didYouMean(name, [...byName.keys()])}`,
      );
    },
    list: () => [...byName.values()].toSorted((one, two) => (one.name < two.name ? -1 : 1)),
  };
  for (const action of actions) registry.register(action);
  return registry;
}
