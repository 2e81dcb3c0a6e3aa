import type { AgentDefinition, Scope } from '../../protocol/index.ts';

/** An agent with where it comes from. Those from files are read-only here. */
export interface StoredAgent {
  readonly definition: AgentDefinition;
  /** SHA-256 of the canonical definition. */
  readonly hash: string;
  readonly origin:
    | { readonly kind: 'file'; readonly path: string }
    | { readonly kind: 'api'; readonly version: number };
  readonly updatedAt: string;
}

/** Agents by name: from the project's files and from the database. A file wins over a database entry of the same name. */
export interface AgentStore {
  list(scope: Scope): Promise<readonly StoredAgent[]>;
  /** Error: `not_found`, with the nearest name. */
  get(scope: Scope, name: string): Promise<StoredAgent>;
  /** Validates (`invalid_definition`) and stores a new one. Error: `conflict` when the name is taken. */
  create(scope: Scope, definition: unknown): Promise<StoredAgent>;
  /** Stores a new version. Errors: `not_found`, `conflict` for one from a file. */
  update(scope: Scope, name: string, definition: unknown): Promise<StoredAgent>;
  delete(scope: Scope, name: string): Promise<void>;
  /** The agent that answers when a request names none. Error: `not_found` when there is no agent at all. */
  defaultName(scope: Scope): Promise<string>;
}
