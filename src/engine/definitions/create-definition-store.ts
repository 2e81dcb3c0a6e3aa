import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import { AppError, canonicalJson, didYouMean, type Clock } from '../../base/index.ts';
import { sqlState, type Storage } from '../../platform/storage/index.ts';
import type { Definition, DefinitionKind, DefinitionOf, Scope } from '../../protocol/index.ts';
import type { DefinitionStore, StoredDefinition } from './definition-store.ts';
import { definitionsOf, type LoadedProject } from './load-project.ts';
import { checkDefinition } from './check-definition.ts';
import type { DefinitionCheck } from './parse-definition.ts';

interface VersionRow<D> {
  name: string;
  version: number;
  hash: string;
  definition: D;
  created_at: Date;
  deleted_at: Date | null;
}

/** SHA-256 of the canonical definition. */
export function hashOf(definition: Definition): string {
  return createHash('sha256').update(canonicalJson(definition)).digest('base64url');
}

/** Validates a definition that came over the API. Error: `invalid_definition` with every fault. */
function validated<K extends DefinitionKind>(
  kind: K,
  given: unknown,
  checks: readonly DefinitionCheck[],
): DefinitionOf<K> {
  const { definition, issues } = checkDefinition(kind, given, checks);
  if (definition !== undefined) return definition;
  const message = issues
    .map((issue) => (issue.path === '' ? issue.message : `${issue.path}: ${issue.message}`))
    .join('; ');
  throw new AppError('invalid_definition', message, { details: { issues: [...issues] } });
}

export interface DefinitionStoreDeps {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly project: () => LoadedProject;
  /** Shown as the time of change of what comes from files, ISO 8601. */
  readonly startedAt: string;
  readonly checks?: readonly DefinitionCheck[];
}

/** Definitions of one kind, of the project's files and of the database. */
export function createDefinitionStore<K extends DefinitionKind>(
  kind: K,
  deps: DefinitionStoreDeps,
): DefinitionStore<K> {
  type D = DefinitionOf<K>;
  const { storage, clock, checks = [] } = deps;
  const noun = kind.toLowerCase();
  const article = noun === 'agent' ? 'an' : 'a';
  const hashes = new WeakMap<Definition, string>();

  function fromFile(name: string): StoredDefinition<D> | undefined {
    const located = definitionsOf(deps.project(), kind).find((one) => one.definition.metadata.name === name);
    if (located === undefined) return undefined;
    const hash = hashes.get(located.definition) ?? hashOf(located.definition);
    hashes.set(located.definition, hash);
    return {
      definition: located.definition,
      hash,
      origin: { kind: 'file', path: located.path },
      updatedAt: deps.startedAt,
    };
  }

  async function versions(scope: Scope, name?: string): Promise<readonly VersionRow<D>[]> {
    const { rows } = await sql<VersionRow<D>>`
      select distinct on (name) name, version, hash, definition, created_at, deleted_at from definitions
      where tenant = ${scope.tenant} and kind = ${kind} and (${name ?? null}::text is null or name = ${name ?? null})
      order by name, version desc`.execute(storage.db);
    return rows;
  }

  const toStored = (row: VersionRow<D>): StoredDefinition<D> => ({
    definition: row.definition,
    hash: row.hash,
    origin: { kind: 'api', version: row.version },
    updatedAt: row.created_at.toISOString(),
  });

  async function insert(
    scope: Scope,
    definition: D,
    version: number,
    deleted: boolean,
  ): Promise<StoredDefinition<D>> {
    const now = new Date(clock.now());
    const hash = hashOf(definition);
    try {
      await storage.db
        .insertInto('definitions')
        .values({
          tenant: scope.tenant,
          kind,
          name: definition.metadata.name,
          version,
          hash,
          definition: JSON.stringify(definition),
          created_by: scope.principal,
          created_at: now,
          deleted_at: deleted ? now : null,
        })
        .execute();
    } catch (error) {
      if (sqlState(error) === '23505')
        throw new AppError('conflict', `${noun} "${definition.metadata.name}" was changed by somebody else`, {
          cause: error,
        });
      throw error;
    }
    return { definition, hash, origin: { kind: 'api', version }, updatedAt: now.toISOString() };
  }

  const store: DefinitionStore<K> = {
    async list(scope) {
      const files = definitionsOf(deps.project(), kind).flatMap(
        (one) => fromFile(one.definition.metadata.name) ?? [],
      );
      const named = new Set(files.map((one) => one.definition.metadata.name));
      const stored = (await versions(scope))
        .filter((row) => row.deleted_at === null && !named.has(row.name))
        .map(toStored);
      return [...files, ...stored].toSorted((one, two) =>
        one.definition.metadata.name < two.definition.metadata.name ? -1 : 1,
      );
    },
    async get(scope, name) {
      const file = fromFile(name);
      if (file !== undefined) return file;
      const [row] = await versions(scope, name);
      if (row !== undefined && row.deleted_at === null) return toStored(row);
      const names = (await store.list(scope)).map((one) => one.definition.metadata.name);
      throw new AppError('not_found', `there is no ${noun} "${name}"${didYouMean(name, names)}`);
    },
    async create(scope, given) {
      const definition = validated(kind, given, checks);
      const { name } = definition.metadata;
      const [last] = await versions(scope, name);
      if (fromFile(name) !== undefined || (last !== undefined && last.deleted_at === null)) {
        throw new AppError('conflict', `there is ${article} ${noun} named "${name}" already`);
      }
      return insert(scope, definition, (last?.version ?? 0) + 1, false);
    },
    async update(scope, name, given) {
      const present = await store.get(scope, name);
      const definition = validated(kind, given, checks);
      if (present.origin.kind === 'file')
        throw new AppError(
          'conflict',
          `${noun} "${name}" comes from ${present.origin.path}; change the file`,
        );
      if (definition.metadata.name !== name)
        throw new AppError('invalid_request', `metadata.name: expected "${name}", the name in the address`);
      return insert(scope, definition, present.origin.version + 1, false);
    },
    async delete(scope, name) {
      const present = await store.get(scope, name);
      if (present.origin.kind === 'file')
        throw new AppError(
          'conflict',
          `${noun} "${name}" comes from ${present.origin.path}; delete the file`,
        );
      await insert(scope, present.definition, present.origin.version + 1, true);
    },
  };
  return store;
}
