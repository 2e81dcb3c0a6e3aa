import { AppError, didYouMean } from '../../base/index.ts';
import type { DefinitionKind, DefinitionOf } from '../../protocol/index.ts';
import { hashOf } from './create-definition-store.ts';
import type { DefinitionStore, StoredDefinition } from './definition-store.ts';
import { definitionsOf, type LoadedProject } from './load-project.ts';

/** Definitions of one kind from a project's files alone: for work without a database. Nothing can be stored in it. */
export function createFileStore<K extends DefinitionKind>(
  kind: K,
  project: Pick<LoadedProject, 'definitions'>,
): DefinitionStore<K> {
  const noun = kind.toLowerCase();
  const stored = definitionsOf(project, kind).map(
    ({ definition, path }): StoredDefinition<DefinitionOf<K>> => ({
      definition,
      hash: hashOf(definition),
      origin: { kind: 'file', path },
      updatedAt: '',
    }),
  );
  const readOnly = (): Promise<never> =>
    Promise.reject(new AppError('conflict', `${noun}s come from files here; change the file`));
  return {
    list: () => Promise.resolve(stored),
    get: async (_scope, name) => {
      const found = stored.find((one) => one.definition.metadata.name === name);
      if (found !== undefined) return found;
      const names = stored.map((one) => one.definition.metadata.name);
      throw new AppError('not_found', `there is no ${noun} "${name}"${didYouMean(name, names)}`);
    },
    create: readOnly,
    update: readOnly,
    delete: readOnly,
  };
}
