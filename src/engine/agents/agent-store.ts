import type { DefinitionStore, StoredDefinition } from '../definitions/index.ts';
import type { AgentDefinition, Scope } from '../../protocol/index.ts';

export type StoredAgent = StoredDefinition<AgentDefinition>;

/** Agents by name, and which of them answers when a request names none. */
export interface AgentStore extends DefinitionStore<'Agent'> {
  /** Error: `not_found` when there is no agent at all. */
  defaultName(scope: Scope): Promise<string>;
}
