import type { Environment } from '../../base/index.ts';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import {
  definitionKinds,
  projectDefinition,
  type AgentDefinition,
  type ChannelDefinition,
  type Definition,
  type ProjectDefinition,
} from '../../protocol/index.ts';
import { parseDefinitions, type DefinitionProblem } from './parse-definition.ts';

/** A definition with the file it was read from, relative to the project. */
export interface Located<D> {
  readonly definition: D;
  readonly path: string;
}

/** A project's files as they were read: what is valid, and every fault. */
export interface LoadedProject {
  readonly project: ProjectDefinition;
  readonly agents: readonly Located<AgentDefinition>[];
  readonly channels: readonly Located<ChannelDefinition>[];
  readonly problems: readonly DefinitionProblem[];
}

const readable = /\.(?:ya?ml|json)$/i;

async function filesIn(dir: string, folder: string): Promise<readonly string[]> {
  try {
    const names = await readdir(path.join(dir, folder));
    return names
      .filter((name) => readable.test(name))
      .toSorted()
      .map((name) => `${folder}/${name}`);
  } catch {
    return [];
  }
}

/** Reads a project folder: `agent33.yaml` and the definitions in its folders. Faults never stop the reading. */
export async function loadProject(
  dir: string,
  options: { environment?: Environment } = {},
): Promise<LoadedProject> {
  const folders = Object.values(definitionKinds).flatMap((kind) =>
    [kind.folder, kind.legacyFolder].filter((folder) => folder !== undefined),
  );
  const listed = await Promise.all(folders.map((folder) => filesIn(dir, folder)));
  const problems: DefinitionProblem[] = [];
  const found: Located<Definition>[] = [];
  for (const file of ['agent33.yaml', 'agent33.yml', ...listed.flat()]) {
    let text: string;
    try {
      text = await readFile(path.join(dir, file), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        problems.push({ file, message: 'cannot be read' });
      continue;
    }
    const parsed = parseDefinitions(file, text, options.environment ?? {});
    problems.push(...parsed.problems);
    for (const definition of parsed.definitions) {
      const twin = found.find(
        (one) =>
          one.definition.kind === definition.kind &&
          one.definition.metadata.name === definition.metadata.name,
      );
      if (twin === undefined) found.push({ definition, path: file });
      else
        problems.push({
          file,
          line: 1,
          column: 1,
          field: 'metadata.name',
          message: `${definition.kind} "${definition.metadata.name}" is defined in ${twin.path} already`,
        });
    }
  }
  const ofKind = <K extends Definition['kind']>(kind: K) =>
    found.filter((one): one is Located<Extract<Definition, { kind: K }>> => one.definition.kind === kind);
  const fallback = projectDefinition.parse({
    apiVersion: 'agent33/v1',
    kind: 'Project',
    metadata: { name: 'project' },
  });
  return {
    project: ofKind('Project')[0]?.definition ?? fallback,
    agents: ofKind('Agent'),
    channels: ofKind('Channel'),
    problems,
  };
}
