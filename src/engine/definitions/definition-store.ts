import type { Definition, DefinitionKind, DefinitionOf, Scope } from '../../protocol/index.ts';

/** A definition with where it comes from. Those from files are read-only here. */
export interface StoredDefinition<D extends Definition = Definition> {
  readonly definition: D;
  /** SHA-256 of the canonical definition. */
  readonly hash: string;
  readonly origin:
    | { readonly kind: 'file'; readonly path: string }
    | { readonly kind: 'api'; readonly version: number };
  readonly updatedAt: string;
}

/**
 * Definitions of one kind by name: from the project's files and from the database. A file wins over a database entry of
 * the same name.
 */
export interface DefinitionStore<K extends DefinitionKind> {
  list(scope: Scope): Promise<readonly StoredDefinition<DefinitionOf<K>>[]>;
  /** Error: `not_found`, with the nearest name. */
  get(scope: Scope, name: string): Promise<StoredDefinition<DefinitionOf<K>>>;
  /** Validates (`invalid_definition`) and stores a new one. Error: `conflict` when the name is taken. */
  create(scope: Scope, definition: unknown): Promise<StoredDefinition<DefinitionOf<K>>>;
  /** Stores a new version. Errors: `not_found`, `conflict` for one from a file. */
  update(scope: Scope, name: string, definition: unknown): Promise<StoredDefinition<DefinitionOf<K>>>;
  delete(scope: Scope, name: string): Promise<void>;
}
