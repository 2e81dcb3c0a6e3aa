import { LineCounter, parseAllDocuments, type Document } from 'yaml';
import {
  isJsonObject,
  resolveReferences,
  type Environment,
  type Json,
  type JsonObject,
} from '../../base/index.ts';
import {
  definitionKinds,
  definitionVersion,
  type Definition,
  type DefinitionKind,
} from '../../protocol/index.ts';
import { faultsOf } from './definition-issues.ts';
import { keyPlaceOf, placeOf, type Place } from './definition-places.ts';
import { camelKeys, pathOfText, unstorable, type ValueFault } from './definition-values.ts';
import { didYouMean } from './nearest-name.ts';
import { repeatedKeys } from './repeated-keys.ts';

/** A fault in a definition; line and column count from 1. */
export type DefinitionProblem = {
  readonly file: string;
  readonly line?: number | undefined;
  readonly column?: number | undefined;
  readonly field?: string | undefined;
  readonly message: string;
};

interface Parsed {
  readonly definitions: readonly Definition[];
  /** Where the name of each definition stands. */
  readonly places: readonly Place[];
  readonly problems: readonly DefinitionProblem[];
}

/** Largest definition file, in bytes. */
export const mostBytes = 1024 * 1024;
export const tooLarge = `larger than ${mostBytes} bytes`;
const tooDeep = 'nested too deeply';
const mostProblems = 50;

/** The flat form of AGENT-33's JSON files in the full form. */
function fromFlatForm(value: JsonObject): JsonObject {
  if ('kind' in value || 'spec' in value || typeof value['name'] !== 'string') return value;
  const { name, description, model, tools, ...more } = value;
  const instructions =
    more['system_prompt'] ?? more['systemPrompt'] ?? more['instructions'] ?? more['prompt'];
  return {
    apiVersion: definitionVersion,
    kind: 'Agent',
    metadata: { name: name.toLowerCase().replaceAll(/[^a-z0-9_-]+/g, '-') },
    spec: {
      ...(description === undefined ? {} : { description }),
      ...(model === undefined ? {} : { model }),
      ...(tools === undefined ? {} : { tools }),
      ...(instructions === undefined ? {} : { instructions }),
    },
  };
}

/**
 * Puts environment variables in place of `${NAME}` in channels. In an agent's model settings they are only looked for:
 * the definition is stored with every run and shown to callers, so secrets enter when the provider is built.
 */
function withEnvironment(value: JsonObject, environment: Environment, missing: Set<string>): JsonObject {
  const spec = value['spec'];
  if (!isJsonObject(spec)) return value;
  if (value['kind'] === 'Agent' && isJsonObject(spec['model']))
    resolveReferences(spec['model']['config'] ?? null, environment, missing);
  // A channel that is switched off needs no token yet.
  if (value['kind'] !== 'Channel' || spec['enabled'] === false) return value;
  return { ...value, spec: resolveReferences(spec, environment, missing) };
}

/** What the YAML parser says, without the place that is told apart. */
function syntaxMessage(message: string): string {
  if (/call stack|stack overflow/i.test(message)) return tooDeep;
  const [first = ''] = message.split('\n');
  return first.replace(/ at line \d+, column \d+:?$/, '');
}

/** Faults of the YAML itself; of nesting that exhausts the parser only the first, the others follow from it. */
function syntaxProblems(file: string, document: Document): readonly DefinitionProblem[] {
  const found = [...document.errors, ...document.warnings].map((error) => ({
    file,
    line: error.linePos?.[0].line,
    column: error.linePos?.[0].col,
    message: syntaxMessage(error.message),
  }));
  const deep = found.find((problem) => problem.message === tooDeep);
  return deep === undefined ? found : [deep];
}

function atMost(file: string, problems: readonly DefinitionProblem[]): readonly DefinitionProblem[] {
  if (problems.length <= mostProblems) return problems;
  const more = problems.length - mostProblems;
  return [...problems.slice(0, mostProblems), { file, message: `${more} more faults` }];
}

/** The documents of a file; a text that is nested beyond what the parser can follow has none. */
function documentsOf(text: string, lineCounter: LineCounter): readonly Document[] | undefined {
  try {
    const documents = parseAllDocuments(text, {
      lineCounter,
      uniqueKeys: false,
      schema: 'core',
      customTags: [],
      strict: true,
      logLevel: 'error',
    });
    return Array.isArray(documents) ? documents : [];
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function readDocument(
  file: string,
  document: Document,
  counter: LineCounter,
  environment: Environment,
): { definition?: Definition; place?: Place; problems: readonly DefinitionProblem[] } {
  const syntax = syntaxProblems(file, document);
  if (syntax.length > 0) return { problems: syntax };
  const repeated = repeatedKeys(document, counter);
  if (repeated.length > 0) return { problems: repeated.map((one) => ({ file, ...one })) };
  const at = ({ path, message }: ValueFault): DefinitionProblem => ({
    file,
    ...placeOf(document, counter, path),
    ...(path.length === 0 ? {} : { field: path.join('.') }),
    message,
  });
  let plain: Json;
  try {
    plain = document.toJS({ maxAliasCount: 100 }) as Json;
  } catch (error) {
    const message = error instanceof Error ? syntaxMessage(error.message) : 'cannot be read';
    return { problems: [at({ path: [], message })] };
  }
  if (plain === null || plain === undefined) return { problems: [] };
  const fault = unstorable(plain);
  if (fault !== undefined) return { problems: [at(fault)] };
  if (!isJsonObject(plain))
    return {
      problems: [at({ path: [], message: 'expected a definition with apiVersion, kind, metadata and spec' })],
    };
  const twice: ValueFault[] = [];
  const spelled = camelKeys(fromFlatForm(plain), twice) as JsonObject;
  const missing = new Set<string>();
  const value = withEnvironment(spelled, environment, missing);
  const problems = [
    ...twice.map(at),
    ...[...missing].map((name) =>
      at({
        path: pathOfText(spelled, `\${${name}}`) ?? ['spec'],
        message: `the environment variable ${name} is not set`,
      }),
    ),
  ];
  const kind = value['kind'];
  if (typeof kind !== 'string' || !Object.hasOwn(definitionKinds, kind)) {
    const kinds = Object.keys(definitionKinds);
    const found = kind === undefined ? 'nothing' : JSON.stringify(kind);
    const hint = typeof kind === 'string' ? didYouMean(kind, kinds) : '';
    const message = `expected one of ${kinds.join(', ')}, found ${found}${hint}`;
    return { problems: [...problems, at({ path: ['kind'], message })] };
  }
  const result = definitionKinds[kind as DefinitionKind].schema.safeParse(value);
  if (!result.success) {
    const faults = result.error.issues
      .flatMap((issue) => faultsOf(kind as DefinitionKind, issue))
      // Finding a place walks the document: not for faults that are only counted.
      .map((one, index) => ({
        ...(index < mostProblems ? at(one) : { file, message: one.message }),
        ...(one.key === undefined || index >= mostProblems
          ? {}
          : keyPlaceOf(document, counter, one.path.slice(0, -1), one.key)),
      }));
    return { problems: [...problems, ...faults] };
  }
  if (problems.length > 0) return { problems };
  return {
    definition: result.data,
    place: placeOf(document, counter, ['metadata', 'name']),
    problems: [],
  };
}

/** Reads the definitions of one YAML or JSON file. Never throws: every fault is a problem with its place. */
export function parseDefinitions(file: string, text: string, environment: Environment): Parsed {
  const refused = (message: string, place: Place = {}): Parsed => ({
    definitions: [],
    places: [],
    problems: [{ file, ...place, message }],
  });
  if (Buffer.byteLength(text) > mostBytes) return refused(tooLarge);
  // An editor may empty a file before it writes it: that removes no definition. A file of comments does.
  if (text.trim() === '') return refused('the file is empty', { line: 1, column: 1 });
  const counter = new LineCounter();
  const documents = documentsOf(text, counter);
  if (documents === undefined) return refused(tooDeep, { line: 1, column: 1 });
  const read = documents.map((document) => readDocument(file, document, counter, environment));
  const valid = read.flatMap(({ definition, place = {} }) =>
    definition === undefined ? [] : [{ definition, place }],
  );
  return {
    definitions: valid.map((one) => one.definition),
    places: valid.map((one) => one.place),
    problems: atMost(
      file,
      read.flatMap((one) => one.problems),
    ),
  };
}
