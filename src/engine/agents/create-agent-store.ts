import { AppError } from '../../base/index.ts';
import { createDefinitionStore, type DefinitionStoreDeps } from '../definitions/index.ts';
import type { AgentStore } from './agent-store.ts';

/** Agents of the project's files and of the database. */
export function createAgentStore(deps: DefinitionStoreDeps): AgentStore {
  const store = createDefinitionStore('Agent', deps);
  return {
    ...store,
    async defaultName(scope) {
      const wanted = deps.project().project.spec.defaultAgent;
      if (wanted !== undefined) return wanted;
      const [first] = await store.list(scope);
      if (first === undefined)
        throw new AppError('not_found', 'there is no agent; make one with "agent33 init NAME --kind agent"');
      return first.definition.metadata.name;
    },
  };
}
