import { createActionRegistry, type ActionRegistry } from './action-registry.ts';
import { createBuiltinActions, type BuiltinActionDeps } from './actions/index.ts';

/** The built-in actions for whoever only looks at what they are: checks without a server. They cannot be executed. */
export function describeBuiltinActions(): Pick<ActionRegistry, 'find' | 'list'> {
  const nothing = { commands: {} } as unknown as BuiltinActionDeps;
  return createActionRegistry(createBuiltinActions(nothing));
}
