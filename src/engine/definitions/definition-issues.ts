import { z } from 'zod';
import { nearestName, type Json } from '../../base/index.ts';
import { definitionKinds, type DefinitionKind } from '../../protocol/index.ts';
import { namesElsewhere } from './names-elsewhere.ts';

/** A fault of a definition against its schema. `key` is set where the key itself is the fault, not its value. */
export interface SchemaFault {
  readonly path: readonly PropertyKey[];
  readonly key?: string;
  readonly message: string;
}

type Path = readonly PropertyKey[];
type Issue = z.core.$ZodIssue;

/** What the words of a fault are made from. */
export interface FaultSource {
  /** The definition, its keys as the schemas spell them. */
  readonly value: Json;
  /** A key as its author wrote it. */
  readonly spelled: (path: Path, key: string) => string;
}

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly anyOf?: readonly SchemaNode[];
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, SchemaNode>>;
}

/** A fault with what it may follow from. */
interface Found extends SchemaFault {
  /** Nothing stands at the path. */
  readonly missing: boolean;
  /** Name of the field that an unknown one was probably meant to be. */
  readonly meant: string | undefined;
}

/** Hints for this many unknown fields; whoever sends thousands of them does not hold up the process. */
const mostHints = 50;

const schemas = new Map<DefinitionKind, SchemaNode>();

function schemaOf(kind: DefinitionKind): SchemaNode {
  const known = schemas.get(kind);
  if (known !== undefined) return known;
  const made = z.toJSONSchema(definitionKinds[kind].schema, {
    io: 'input',
    unrepresentable: 'any',
  }) as SchemaNode;
  schemas.set(kind, made);
  return made;
}

function innerNode(node: SchemaNode, key: PropertyKey): SchemaNode | undefined {
  if (typeof key === 'number') return node.items;
  const { properties, additionalProperties } = node;
  const named =
    properties !== undefined && Object.hasOwn(properties, key) ? properties[String(key)] : undefined;
  return named ?? (typeof additionalProperties === 'object' ? additionalProperties : undefined);
}

/** Names of the fields that a definition may have at a path. */
function fieldsAt(kind: DefinitionKind, path: Path): readonly string[] {
  const schema = schemaOf(kind);
  const options = (node: SchemaNode): readonly SchemaNode[] => {
    const name = node.$ref?.replace('#/$defs/', '');
    const named = name === undefined ? undefined : schema.$defs?.[name];
    return [node, ...(named === undefined ? [] : options(named)), ...(node.anyOf ?? []).flatMap(options)];
  };
  let nodes = options(schema);
  for (const key of path) {
    nodes = nodes.flatMap((node) => innerNode(node, key) ?? []).flatMap(options);
  }
  return nodes.flatMap((node) => Object.keys(node.properties ?? {}));
}

function valueAt(value: Json, path: Path): Json | undefined {
  let at: unknown = value;
  for (const key of path)
    at = typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[key] : undefined;
  return at as Json | undefined;
}

const snakeCase = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** The fields of a step are written in snake_case throughout the documentation; others as their author spells. */
const spellLike = (written: string, name: string, kind: DefinitionKind): string =>
  !/[A-Z]/.test(written) && (kind === 'Workflow' || /[_-]/.test(written)) ? snakeCase(name) : name;

/** One fault for each unknown field of an object. */
function unknownFields(
  kind: DefinitionKind,
  path: Path,
  keys: readonly string[],
  source: FaultSource,
): readonly Found[] {
  const fields = fieldsAt(kind, path);
  const ofSpec = path.length === 0 ? fieldsAt(kind, ['spec']) : [];
  return keys.map((key, index): Found => {
    const fault = { path: [...path, key], key, missing: false };
    if (index >= mostHints) return { ...fault, meant: undefined, message: `unknown field "${key}"` };
    const written = source.spelled(path, key);
    if (ofSpec.includes(key))
      return { ...fault, meant: 'spec', message: `unknown field "${written}": it belongs under "spec"` };
    const meant = namesElsewhere(kind, written, fields) ?? nearestName(key, fields);
    const question = meant === undefined ? '' : ` — did you mean "${spellLike(written, meant, kind)}"?`;
    return { ...fault, meant, message: `unknown field "${written}"${question}` };
  });
}

/** The form of a union that was meant: one whose inside is faulty, else one of the right type. */
function meantForm(issues: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const fits = issues.filter(
    (form) => !form.some((one) => one.code === 'invalid_type' && one.path.length === 0),
  );
  return (
    fits.find((form) => form.some((one) => one.path.length > 0 || one.code === 'unrecognized_keys')) ??
    fits.find((form) => form.some((one) => one.code === 'invalid_format')) ??
    fits[0]
  );
}

/** The schema's words, without those that say nothing. */
function wordsOf(message: string): string {
  const missing = /^Invalid input: expected (.*), received undefined$/.exec(message);
  if (missing !== null) return `is missing; expected ${missing[1]}`;
  return message.replace(/^Invalid (?:input|option): /, '').replaceAll('"|"', '", "');
}

const isMissing = (message: string): boolean => message.endsWith('received undefined');

/** The faults behind an issue: one for each unknown field, and those of the form of a union that was meant. */
function faultsOf(
  kind: DefinitionKind,
  issue: Issue,
  source: FaultSource,
  base: Path = [],
): readonly Found[] {
  const path = [...base, ...issue.path];
  const found = (message: string): Found => ({
    path,
    message: wordsOf(message),
    missing: isMissing(message),
    meant: undefined,
  });
  if (issue.code === 'unrecognized_keys') return unknownFields(kind, path, issue.keys, source);
  if (issue.code === 'invalid_union') {
    const meant = meantForm(issue.errors);
    if (meant !== undefined) return meant.flatMap((inner) => faultsOf(kind, inner, source, path));
    const types = issue.errors.flatMap((inner) =>
      inner.flatMap((one) => ('expected' in one ? one.expected : [])),
    );
    const first = issue.errors[0]?.[0];
    if (first !== undefined)
      return [found(first.message.replace(String(types[0]), [...new Set(types)].join(' or ')))];
  }
  if (issue.code === 'invalid_value' && issue.values.length > 1) {
    const given = valueAt(source.value, path);
    const near = typeof given === 'string' ? nearestName(given, issue.values.map(String)) : undefined;
    return [
      {
        ...found(issue.message),
        message: wordsOf(issue.message) + (near === undefined ? '' : ` — did you mean "${near}"?`),
      },
    ];
  }
  return [found(issue.message)];
}

const placeKey = (path: Path): string => path.map(String).join('\0');

/** All faults of a definition against its schema. A field that is only misspelt is not told as missing too. */
export function schemaFaultsOf(
  kind: DefinitionKind,
  issues: readonly Issue[],
  source: FaultSource,
): readonly SchemaFault[] {
  const found = issues.flatMap((issue) => faultsOf(kind, issue, source));
  const misspelt = new Set(
    found.flatMap(({ path, meant }) =>
      meant === undefined ? [] : [placeKey([...path.slice(0, -1), meant])],
    ),
  );
  return found.filter(({ missing, path }) => !missing || !misspelt.has(placeKey(path)));
}
