import { LineCounter, parseAllDocuments, type Document } from 'yaml';
import {
  didYouMean,
  isJsonObject,
  keyAsWritten,
  keyPlaceOf,
  placeOf,
  resolveReferences,
  type Environment,
  type Json,
  type JsonObject,
  type Place,
} from '../../base/index.ts';
import {
  definitionKinds,
  definitionVersion,
  type Definition,
  type DefinitionKind,
} from '../../protocol/index.ts';
import { schemaFaultsOf } from './definition-issues.ts';
import { camelKeys, lostExpressions, pathOfText, unstorable, type ValueFault } from './definition-values.ts';
import { fromFlatWorkflow, isFlatWorkflow } from './flat-workflow.ts';
import { repeatedKeys } from './repeated-keys.ts';
import { withoutFaultyDeployments } from './without-faulty-deployments.ts';
import { syntaxFault, tooDeep, unquotedExpressions } from './yaml-faults.ts';

/** A fault in a definition; line and column count from 1. */
export type DefinitionProblem = {
  readonly file: string;
  readonly line?: number | undefined;
  readonly column?: number | undefined;
  readonly field?: string | undefined;
  readonly message: string;
};

/** Something wrong in a definition that fits its schema; the path leads to where it stands. */
export interface DefinitionFault {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** Finds what a schema cannot see: cycles, steps and actions that do not exist. */
export type DefinitionCheck = (definition: Definition) => readonly DefinitionFault[];

/** Finds the place of a path in a definition. */
export type Locator = (path: readonly PropertyKey[]) => Place;

interface ParsedDefinition {
  readonly definition: Definition;
  readonly locate: Locator;
  readonly partial?: boolean;
}

interface Parsed {
  readonly definitions: readonly Definition[];
  /** Where something in each definition stands, by its path. */
  readonly locators: readonly Locator[];
  /** Those of which something had faults and is left out. */
  readonly partial: ReadonlySet<Definition>;
  readonly problems: readonly DefinitionProblem[];
}

/** Largest definition file, in bytes. */
export const mostBytes = 1024 * 1024;
export const tooLarge = `larger than ${mostBytes} bytes`;
const mostProblems = 50;

/** The flat form of AGENT-33's JSON files in the full form. */
function fromFlatForm(value: JsonObject): JsonObject {
  if ('kind' in value || 'spec' in value || typeof value['name'] !== 'string') return value;
  const { name: written, description, model, tools, ...more } = value;
  const name = written.toLowerCase().replaceAll(/[^a-z0-9_-]+/g, '-');
  if (isFlatWorkflow(value)) return fromFlatWorkflow(value, name);
  const instructions =
    more['system_prompt'] ?? more['systemPrompt'] ?? more['instructions'] ?? more['prompt'];
  return {
    apiVersion: definitionVersion,
    kind: 'Agent',
    metadata: { name },
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
  text: string,
  document: Document,
  counter: LineCounter,
  options: ParseOptions,
): Partial<ParsedDefinition> & { readonly problems: readonly DefinitionProblem[] } {
  const syntax = syntaxFault(document, text);
  const unreadable =
    syntax === undefined
      ? [...repeatedKeys(document, counter), ...unquotedExpressions(document, counter, text)]
      : [syntax];
  if (unreadable.length > 0) return { problems: unreadable.map((one) => ({ file, ...one })) };
  let isFlat = false;
  /** The flat form has no `spec` around it. */
  const written = (path: readonly PropertyKey[]): readonly PropertyKey[] =>
    isFlat && path[0] === 'spec' ? path.slice(1) : path;
  const locate: Locator = (path) => placeOf(document, counter, written(path));
  const at = ({ path, message }: ValueFault): DefinitionProblem => ({
    file,
    ...locate(path),
    ...(path.length === 0 ? {} : { field: path.join('.') }),
    message,
  });
  let plain: Json;
  try {
    plain = document.toJS({ maxAliasCount: 100 }) as Json;
  } catch (error) {
    const message = error instanceof Error ? error.message : 'cannot be read';
    return { problems: [at({ path: [], message })] };
  }
  if (plain === null || plain === undefined) return { problems: [] };
  const fault = unstorable(plain);
  if (fault !== undefined) return { problems: [at(fault)] };
  const lost = lostExpressions(plain);
  if (lost.length > 0) return { problems: lost.map(at) };
  if (!isJsonObject(plain))
    return {
      problems: [at({ path: [], message: 'expected a definition with apiVersion, kind, metadata and spec' })],
    };
  isFlat = !('spec' in plain) && !('kind' in plain);
  const twice: ValueFault[] = [];
  const given = camelKeys(fromFlatForm(plain), twice) as JsonObject;
  const missing = new Set<string>();
  const value = withEnvironment(given, options.environment ?? {}, missing);
  const problems = [
    ...twice.map(at),
    ...[...missing].map((name) =>
      at({
        path: pathOfText(given, `\${${name}}`) ?? ['spec'],
        message: `the environment variable ${name} is not set`,
      }),
    ),
  ];
  const kind = value['kind'];
  if (typeof kind !== 'string' || !Object.hasOwn(definitionKinds, kind)) {
    const kinds = Object.keys(definitionKinds);
    const found = kind === undefined ? 'nothing' : JSON.stringify(kind);
    const hint = typeof kind === 'string' ? didYouMean(kind, kinds) : '';
    if (kind === undefined && 'modelList' in given)
      return {
        problems: [
          at({
            path: [],
            message:
              'this is a LiteLLM configuration: name it in agent33.yaml as spec.models.litellm, outside this folder',
          }),
        ],
      };
    const message = `expected one of ${kinds.join(', ')}, found ${found}${hint}`;
    return { problems: [...problems, at({ path: ['kind'], message })] };
  }
  const { schema } = definitionKinds[kind as DefinitionKind];
  const result = schema.safeParse(value);
  const issues = result.success ? [] : result.error.issues;
  if (!result.success || twice.length > 0) {
    const spelled = (path: readonly PropertyKey[], key: string): string =>
      keyAsWritten(document, written(path), key);
    const faults = schemaFaultsOf(kind as DefinitionKind, issues, { value, spelled })
      // Finding a place walks the document: not for faults that are only counted.
      .map((one, index) => ({
        ...(index < mostProblems ? at(one) : { file, message: one.message }),
        ...(one.key === undefined || index >= mostProblems
          ? {}
          : keyPlaceOf(document, counter, written(one.path.slice(0, -1)), one.key)),
      }));
    const good =
      options.partly === true
        ? withoutFaultyDeployments(
            kind as DefinitionKind,
            value,
            [...twice, ...issues].map((one) => one.path),
          )
        : undefined;
    const rest = good === undefined ? undefined : schema.safeParse(good.value);
    return {
      problems: [...problems, ...faults],
      ...(good !== undefined && rest?.success === true
        ? { definition: rest.data, locate: (path) => locate(good.written(path)), partial: true }
        : {}),
    };
  }
  const checked = (options.checks ?? []).flatMap((check) => check(result.data));
  if (problems.length > 0 || checked.length > 0) return { problems: [...problems, ...checked.map(at)] };
  return { definition: result.data, locate, problems: [] };
}

export interface ParseOptions {
  /** Variables that definitions may refer to as `${NAME}`. */
  readonly environment?: Environment;
  readonly checks?: readonly DefinitionCheck[];
  /** Hands out what is good of a model list beside its faults. */
  readonly partly?: boolean;
}

/** Reads the definitions of one YAML or JSON file. Never throws: every fault is a problem with its place. */
export function parseDefinitions(file: string, text: string, options: ParseOptions = {}): Parsed {
  const refused = (message: string, place: Place = {}): Parsed => ({
    definitions: [],
    locators: [],
    partial: new Set(),
    problems: [{ file, ...place, message }],
  });
  if (Buffer.byteLength(text) > mostBytes) return refused(tooLarge);
  // An editor may empty a file before it writes it: that removes no definition. A file of comments does.
  if (text.trim() === '') return refused('the file is empty', { line: 1, column: 1 });
  const counter = new LineCounter();
  const documents = documentsOf(text, counter);
  if (documents === undefined) return refused(tooDeep, { line: 1, column: 1 });
  const read = documents.map((document) => readDocument(file, text, document, counter, options));
  const valid = read.flatMap(({ definition, locate = () => ({}), partial = false }) =>
    definition === undefined ? [] : [{ definition, locate, partial }],
  );
  return {
    definitions: valid.map((one) => one.definition),
    locators: valid.map((one) => one.locate),
    partial: new Set(valid.filter((one) => one.partial).map((one) => one.definition)),
    problems: atMost(
      file,
      read.flatMap((one) => one.problems),
    ),
  };
}
