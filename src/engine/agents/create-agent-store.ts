import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import { AppError, canonicalJson, type Clock } from '../../base/index.ts';
import { sqlState, type Storage } from '../../platform/storage/index.ts';
import type { AgentDefinition, Scope } from '../../protocol/index.ts';
import type { AgentStore, StoredAgent } from './agent-store.ts';
import type { LoadedProject } from './load-project.ts';
import { didYouMean } from './nearest-name.ts';
import { parseDefinitions } from './parse-definition.ts';

interface VersionRow {
  name: string;
  version: number;
  hash: string;
  definition: AgentDefinition;
  created_at: Date;
  deleted_at: Date | null;
}

function hashOf(definition: AgentDefinition): string {
  return createHash('sha256').update(canonicalJson(definition)).digest('base64url');
}

/** Validates a definition that came over the API; environment variables are not for callers to read. */
function validated(given: unknown): AgentDefinition {
  const { definitions, problems } = parseDefinitions('body', JSON.stringify(given ?? null), {});
  const [definition] = definitions;
  if (problems.length === 0 && definition?.kind === 'Agent') return definition;
  const issues = problems.map((problem) => ({ path: problem.field ?? '', message: problem.message }));
  if (definition !== undefined && definition.kind !== 'Agent')
    issues.push({ path: 'kind', message: 'expected "Agent"' });
  if (issues.length === 0) issues.push({ path: '', message: 'expected an agent definition' });
  const message = issues
    .map((issue) => (issue.path === '' ? issue.message : `${issue.path}: ${issue.message}`))
    .join('; ');
  throw new AppError('invalid_definition', message, { details: { issues } });
}

/** Agents of the project's files and of the database. */
export function createAgentStore(deps: {
  storage: Storage;
  clock: Clock;
  project: () => LoadedProject;
  startedAt: string;
}): AgentStore {
  const { storage, clock } = deps;
  const hashes = new WeakMap<AgentDefinition, string>();

  function fromFile(name: string): StoredAgent | undefined {
    const located = deps.project().agents.find((one) => one.definition.metadata.name === name);
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

  async function versions(scope: Scope, name?: string): Promise<readonly VersionRow[]> {
    const { rows } = await sql<VersionRow>`
      select distinct on (name) name, version, hash, definition, created_at, deleted_at from definitions
      where tenant = ${scope.tenant} and kind = 'Agent' and (${name ?? null}::text is null or name = ${name ?? null})
      order by name, version desc`.execute(storage.db);
    return rows;
  }

  const toStored = (row: VersionRow): StoredAgent => ({
    definition: row.definition,
    hash: row.hash,
    origin: { kind: 'api', version: row.version },
    updatedAt: row.created_at.toISOString(),
  });

  async function insert(
    scope: Scope,
    definition: AgentDefinition,
    version: number,
    deleted: boolean,
  ): Promise<StoredAgent> {
    const now = new Date(clock.now());
    const hash = hashOf(definition);
    try {
      await storage.db
        .insertInto('definitions')
        .values({
          tenant: scope.tenant,
          kind: 'Agent',
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
        throw new AppError('conflict', `agent "${definition.metadata.name}" was changed by somebody else`, {
          cause: error,
        });
      throw error;
    }
    return { definition, hash, origin: { kind: 'api', version }, updatedAt: now.toISOString() };
  }

  const store: AgentStore = {
    async list(scope) {
      const files = deps.project().agents.flatMap((one) => fromFile(one.definition.metadata.name) ?? []);
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
      throw new AppError('not_found', `there is no agent "${name}"${didYouMean(name, names)}`);
    },
    async create(scope, given) {
      const definition = validated(given);
      const { name } = definition.metadata;
      const [last] = await versions(scope, name);
      if (fromFile(name) !== undefined || (last !== undefined && last.deleted_at === null)) {
        throw new AppError('conflict', `an agent named "${name}" exists already`);
      }
      return insert(scope, definition, (last?.version ?? 0) + 1, false);
    },
    async update(scope, name, given) {
      const present = await store.get(scope, name);
      const definition = validated(given);
      if (present.origin.kind === 'file')
        throw new AppError('conflict', `agent "${name}" comes from ${present.origin.path}; change the file`);
      if (definition.metadata.name !== name)
        throw new AppError('invalid_request', `metadata.name: expected "${name}", the name in the address`);
      return insert(scope, definition, present.origin.version + 1, false);
    },
    async delete(scope, name) {
      const present = await store.get(scope, name);
      if (present.origin.kind === 'file')
        throw new AppError('conflict', `agent "${name}" comes from ${present.origin.path}; delete the file`);
      await insert(scope, present.definition, present.origin.version + 1, true);
    },
    async defaultName(scope) {
      const wanted = deps.project().project.spec.defaultAgent;
      if (wanted !== undefined) return wanted;
      const [first] = await store.list(scope);
      if (first === undefined)
        throw new AppError('not_found', 'there is no agent; make one with "agent33 init NAME --kind agent"');
      return first.definition.metadata.name;
    },
  };
  return store;
}
