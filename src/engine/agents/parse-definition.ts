import { isMap, isScalar, LineCounter, parseAllDocuments, type Document } from 'yaml';
import type { z } from 'zod';
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
import { didYouMean } from './nearest-name.ts';

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
  readonly problems: readonly DefinitionProblem[];
}

const mostBytes = 1024 * 1024;

/** Maps whose keys are the author's own. */
const freeMaps = new Set(['labels', 'variables', 'config', 'schema', 'prices', 'prefixes']);

const camelCase = (key: string): string =>
  key.replaceAll(/_([a-z])/g, (_whole, letter: string) => letter.toUpperCase());

/** Keys as the schemas spell them: `max_steps` and `maxSteps` are the same. Free maps keep theirs. */
function camelKeys(value: Json, free = false): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map((item) => camelKeys(item, free));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const name = free ? key : camelCase(key);
      return [name, camelKeys(inner ?? null, free || freeMaps.has(name))];
    }),
  );
}

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

function placeOf(
  document: Document,
  counter: LineCounter,
  path: readonly PropertyKey[],
): { line?: number; column?: number } {
  for (let length = path.length; length >= 0; length -= 1) {
    const keys = path.slice(0, length).map((key) => (typeof key === 'string' ? key : Number(key)));
    const node = length === 0 ? document.contents : document.getIn(keys, true);
    const range = (node as { range?: readonly number[] } | null | undefined)?.range;
    const snake = keys.map((key) =>
      typeof key === 'string' ? key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : key,
    );
    const found = range ?? (document.getIn(snake, true) as { range?: readonly number[] } | undefined)?.range;
    if (found?.[0] !== undefined) {
      const { line, col } = counter.linePos(found[0]);
      return { line, column: col };
    }
  }
  return {};
}

/** Where a key stands; `placeOf` would point at its value. */
function keyPlaceOf(
  document: Document,
  counter: LineCounter,
  path: readonly PropertyKey[],
  key: string,
): { line?: number; column?: number } {
  const parent = path.length === 0 ? document.contents : document.getIn(path, true);
  const pair = isMap(parent) ? parent.items.find((item) => camelKeyOf(item.key) === key) : undefined;
  const range = isScalar(pair?.key) ? pair.key.range : undefined;
  if (range === undefined || range === null) return placeOf(document, counter, [...path, key]);
  const { line, col } = counter.linePos(range[0]);
  return { line, column: col };
}

function camelKeyOf(key: unknown): string {
  return camelCase(isScalar(key) ? String(key.value) : '');
}

function issueMessage(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys')
    return `unknown field ${issue.keys.map((key) => `"${key}"`).join(', ')}`;
  if (issue.code === 'invalid_union' && issue.errors[1] !== undefined) {
    const inner = issue.errors.flat().at(-1);
    return inner === undefined
      ? issue.message
      : `${inner.path.join('.')}${inner.path.length > 0 ? ': ' : ''}${issueMessage(inner)}`;
  }
  return issue.message;
}

/** Reads the definitions of one YAML or JSON file. Never throws: every fault is a problem with its place. */
export function parseDefinitions(file: string, text: string, environment: Environment): Parsed {
  if (Buffer.byteLength(text) > mostBytes)
    return { definitions: [], problems: [{ file, message: `larger than ${mostBytes} bytes` }] };
  const counter = new LineCounter();
  const definitions: Definition[] = [];
  const problems: DefinitionProblem[] = [];
  const documents = parseAllDocuments(text, {
    lineCounter: counter,
    uniqueKeys: true,
    schema: 'core',
    customTags: [],
    strict: true,
    logLevel: 'error',
  });
  for (const document of Array.isArray(documents) ? documents : []) {
    const faults = [...document.errors, ...document.warnings];
    if (faults.length > 0) {
      for (const error of faults) {
        const at = error.linePos?.[0];
        problems.push({
          file,
          line: at?.line,
          column: at?.col,
          message: error.message.split('\n')[0] ?? 'not valid YAML',
        });
      }
      continue;
    }
    let plain: Json;
    try {
      plain = document.toJS({ maxAliasCount: 100 }) as Json;
    } catch (error) {
      problems.push({
        file,
        line: 1,
        column: 1,
        message: error instanceof Error ? error.message : 'cannot be read',
      });
      continue;
    }
    if (plain === null || plain === undefined) continue;
    if (!isJsonObject(plain)) {
      problems.push({
        file,
        ...placeOf(document, counter, []),
        message: 'expected a definition with apiVersion, kind, metadata and spec',
      });
      continue;
    }
    const missing = new Set<string>();
    const value = withEnvironment(camelKeys(fromFlatForm(plain)) as JsonObject, environment, missing);
    for (const name of missing)
      problems.push({
        file,
        ...placeOf(document, counter, ['spec']),
        message: `the environment variable ${name} is not set`,
      });
    const kind = value['kind'];
    if (typeof kind !== 'string' || !Object.hasOwn(definitionKinds, kind)) {
      const kinds = Object.keys(definitionKinds);
      const found = typeof kind === 'string' ? `"${kind}"` : 'nothing';
      problems.push({
        file,
        ...placeOf(document, counter, ['kind']),
        field: 'kind',
        message: `expected one of ${kinds.join(', ')}, found ${found}${typeof kind === 'string' ? didYouMean(kind, kinds) : ''}`,
      });
      continue;
    }
    const result = definitionKinds[kind as DefinitionKind].schema.safeParse(value);
    if (result.success) {
      if (missing.size === 0) definitions.push(result.data);
      continue;
    }
    for (const issue of result.error.issues) {
      const path = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0] ?? ''] : issue.path;
      problems.push({
        file,
        ...(issue.code === 'unrecognized_keys'
          ? keyPlaceOf(document, counter, issue.path, issue.keys[0] ?? '')
          : placeOf(document, counter, path)),
        field: path.join('.'),
        message: issueMessage(issue),
      });
    }
  }
  return { definitions, problems };
}
