import { isUtf8 } from 'node:buffer';
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import {
  definitionKinds,
  projectDefinition,
  type Definition,
  type DefinitionKind,
  type DefinitionOf,
  type ProjectDefinition,
} from '../../protocol/index.ts';
import {
  mostBytes,
  parseDefinitions,
  tooLarge,
  type DefinitionFault,
  type DefinitionProblem,
  type Locator,
  type ParseOptions,
} from './parse-definition.ts';

/** A definition with the file it was read from, relative to the project. */
export interface Located<D extends Definition = Definition> {
  readonly definition: D;
  readonly path: string;
  /** Where a field stands; only of kinds whose faults show later than at reading. */
  readonly locate?: Locator;
  /** Some of it had faults and is left out; the last good version is better. */
  readonly partial?: boolean;
}

/** A project's files as they were read: what is valid, and every fault. */
export interface LoadedProject {
  readonly project: ProjectDefinition;
  /** The file that says so, where there is one. */
  readonly projectFile?: Located<ProjectDefinition>;
  /** Of every kind, in the order of their files. */
  readonly definitions: readonly Located[];
  readonly problems: readonly DefinitionProblem[];
}

/** Finds names in a definition that nothing in the project has. Such a definition stays: what it names may come later. */
export type ReferenceCheck = (
  definition: Definition,
  names: (kind: DefinitionKind) => readonly string[],
  /** The definitions of a kind, for checks that look into what is named. */
  definitions: <K extends DefinitionKind>(kind: K) => readonly DefinitionOf<K>[],
) => readonly DefinitionFault[];

export interface LoadOptions extends ParseOptions {
  readonly references?: readonly ReferenceCheck[];
}

/** The definitions of one kind. */
export function definitionsOf<K extends DefinitionKind>(
  project: Pick<LoadedProject, 'definitions'>,
  kind: K,
): readonly Located<DefinitionOf<K>>[] {
  return project.definitions.filter((one): one is Located<DefinitionOf<K>> => one.definition.kind === kind);
}

/** The model list is checked as a whole, when everything that belongs to it has been read. */
const locatedLater: ReadonlySet<DefinitionKind> = new Set<DefinitionKind>(['Project', 'ModelRouter']);

const readable = /\.(?:ya?ml|json)$/i;

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? 'unknown';

/** The definition files of a folder, which may be missing. */
async function filesIn(
  dir: string,
  folder: string,
): Promise<{ files: readonly string[]; problems: readonly DefinitionProblem[] }> {
  try {
    const names = (await readdir(path.join(dir, folder))).filter((name) => readable.test(name));
    return { files: names.toSorted().map((name) => `${folder}/${name}`), problems: [] };
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT') return { files: [], problems: [] };
    const message = code === 'ENOTDIR' ? 'is not a folder' : `cannot be read (${code})`;
    return { files: [], problems: [{ file: folder, message }] };
  }
}

/** The first place where bytes are no UTF-8. */
function badEncoding(file: string, bytes: Buffer): DefinitionProblem {
  const message = 'not valid UTF-8';
  for (let start = 0, line = 1; start < bytes.length; line += 1) {
    const found = bytes.indexOf(0x0a, start);
    const end = found === -1 ? bytes.length : found;
    const part = bytes.subarray(start, end);
    const whole = part.toString('utf8');
    if (!Buffer.from(whole).equals(part)) return { file, line, column: whole.indexOf('\ufffd') + 1, message };
    start = end + 1;
  }
  return { file, message };
}

/** The text of a definition file, the reason why there is none, or `undefined` where there is no such file. */
async function textOf(dir: string, file: string): Promise<string | DefinitionProblem | undefined> {
  const place = path.join(dir, file);
  try {
    const found = await stat(place);
    if (!found.isFile()) return { file, message: 'is not a file' };
    if (found.size > mostBytes) return { file, message: tooLarge };
    const bytes = await readFile(place);
    return isUtf8(bytes) ? bytes.toString('utf8') : badEncoding(file, bytes);
  } catch (error) {
    const code = codeOf(error);
    return code === 'ENOENT' ? undefined : { file, message: `cannot be read (${code})` };
  }
}

const projectFiles = ['agent33.yaml', 'agent33.yml'];

function projectOf(definitions: readonly Located[]): ProjectDefinition {
  const fallback = { apiVersion: 'agent33/v1', kind: 'Project', metadata: { name: 'project' } };
  return definitionsOf({ definitions }, 'Project')[0]?.definition ?? projectDefinition.parse(fallback);
}

/** Reads only what a project says of itself; its defaults where that is missing or faulty. */
export async function loadProjectSettings(
  dir: string,
  options: ParseOptions = {},
): Promise<ProjectDefinition> {
  const found: Located[] = [];
  for (const file of projectFiles) {
    const text = await textOf(dir, file);
    if (typeof text !== 'string') continue;
    const { definitions } = parseDefinitions(file, text, { ...options, partly: true });
    found.push(...definitions.map((definition) => ({ definition, path: file })));
  }
  return projectOf(found);
}

/** Reads a project folder: `agent33.yaml` and the definitions in its folders. Faults never stop the reading. */
export async function loadProject(dir: string, options: LoadOptions = {}): Promise<LoadedProject> {
  const folders = Object.values(definitionKinds).flatMap((kind) =>
    [kind.folder, kind.legacyFolder].filter((folder) => folder !== undefined),
  );
  const listed = await Promise.all(folders.map((folder) => filesIn(dir, folder)));
  const problems: DefinitionProblem[] = listed.flatMap((one) => one.problems);
  const found: (Located & { readonly locate: Locator })[] = [];
  for (const file of [...projectFiles, ...listed.flatMap((one) => one.files)]) {
    const text = await textOf(dir, file);
    if (text === undefined) continue;
    if (typeof text !== 'string') {
      problems.push(text);
      continue;
    }
    const parsed = parseDefinitions(file, text, { ...options, partly: true });
    problems.push(...parsed.problems);
    for (const [index, definition] of parsed.definitions.entries()) {
      const { kind, metadata } = definition;
      const locate: Locator = parsed.locators[index] ?? (() => ({}));
      // A project has one definition of itself, whatever its name.
      const twin = found.find(
        (one) =>
          one.definition.kind === kind &&
          (kind === 'Project' || one.definition.metadata.name === metadata.name),
      );
      const partial = parsed.partial.has(definition) ? { partial: true } : {};
      if (twin === undefined) found.push({ definition, path: file, locate, ...partial });
      else
        problems.push({
          file,
          ...locate(['metadata', 'name']),
          field: 'metadata.name',
          message: `${kind} "${twin.definition.metadata.name}" is defined in ${twin.path} already`,
        });
    }
  }
  const ofKind = <K extends DefinitionKind>(kind: K): readonly DefinitionOf<K>[] =>
    definitionsOf({ definitions: found }, kind).map((one) => one.definition);
  const names = (kind: DefinitionKind): readonly string[] => ofKind(kind).map((one) => one.metadata.name);
  for (const { definition, path: file, locate } of found) {
    for (const { path: place, message } of (options.references ?? []).flatMap((check) =>
      check(definition, names, ofKind),
    ))
      problems.push({ file, ...locate(place), field: place.join('.'), message });
  }
  const definitions = found.map(({ locate, ...one }): Located =>
    locatedLater.has(one.definition.kind) ? { ...one, locate } : one,
  );
  const [projectFile] = definitionsOf({ definitions }, 'Project');
  return {
    project: projectOf(definitions),
    ...(projectFile === undefined ? {} : { projectFile }),
    definitions: definitions.filter((one) => one.definition.kind !== 'Project'),
    problems,
  };
}
