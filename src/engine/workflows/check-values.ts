import { didYouMean, isJsonObject, type Json, type JsonObject } from '../../base/index.ts';
import type { DefinitionFault } from '../definitions/index.ts';

type Path = readonly PropertyKey[];

/** The schema of what a text with expressions comes to; `undefined` where nothing is known of it. */
export type SchemaOfText = (text: string) => JsonObject | undefined;

const holdsExpression = (text: string): boolean => text.includes('{{') || text.includes('{%');

/** Types that a schema allows; `undefined` where it says nothing that can be seen here. */
export function typesOf(schema: JsonObject): ReadonlySet<string> | undefined {
  const { type, anyOf, oneOf, enum: values } = schema;
  if (typeof type === 'string') return new Set([type]);
  if (Array.isArray(type)) return new Set(type as readonly string[]);
  if ('const' in schema) return new Set([typeOf(schema['const'] ?? null)]);
  if (Array.isArray(values)) return new Set((values as readonly Json[]).map(typeOf));
  const branches = (anyOf ?? oneOf) as readonly Json[] | undefined;
  if (!Array.isArray(branches)) return undefined;
  const types = new Set<string>();
  for (const branch of branches as readonly Json[]) {
    const inner = isJsonObject(branch) ? typesOf(branch) : undefined;
    if (inner === undefined) return undefined;
    for (const one of inner) types.add(one);
  }
  return types;
}

function typeOf(value: Json): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

/** May a value of one of these types be of one of those? A number may turn out to be whole. */
export function mayFit(given: ReadonlySet<string>, wanted: ReadonlySet<string>): boolean {
  const numeric = (types: ReadonlySet<string>): boolean => types.has('number') || types.has('integer');
  return [...given].some((type) => wanted.has(type)) || (numeric(given) && numeric(wanted));
}

const words = (types: Iterable<string>): string => [...types].join(' or ');

/** Faults of values that are written down, against JSON Schemas; what expressions come to is known only by its type. */
export class ValueChecker {
  readonly faults: DefinitionFault[] = [];
  readonly #schemaOfText: SchemaOfText;
  /** What an unknown key is called. */
  readonly #noun: string;

  constructor(schemaOfText: SchemaOfText, noun = 'input') {
    this.#schemaOfText = schemaOfText;
    this.#noun = noun;
  }

  check(value: Json, schema: JsonObject, path: Path): void {
    if (typeof value === 'string' && holdsExpression(value)) {
      this.#text(value, schema, path);
      return;
    }
    if (this.#branches(value, schema, path)) return;
    const types = typesOf(schema);
    const type = typeOf(value);
    if (types !== undefined && !types.has(type) && !(type === 'integer' && types.has('number'))) {
      this.#fault(path, `expected ${words(types)}, found ${type}`);
      return;
    }
    this.#choice(value, schema, path);
    if (typeof value === 'string') this.#string(value, schema, path);
    else if (typeof value === 'number') this.#number(value, schema, path);
    else if (Array.isArray(value)) this.#list(value as readonly Json[], schema, path);
    else if (isJsonObject(value)) this.object(value, schema, path);
  }

  /** The keys of an object, and what they hold. */
  object(value: JsonObject, schema: JsonObject, path: Path): void {
    const properties = isJsonObject(schema['properties']) ? schema['properties'] : {};
    const required = Array.isArray(schema['required']) ? (schema['required'] as readonly string[]) : [];
    for (const name of required)
      if (value[name] === undefined) this.#fault(path, `the ${this.#noun} "${name}" is missing`);
    const more = schema['additionalProperties'];
    for (const [key, item] of Object.entries(value)) {
      if (item === undefined) continue;
      const property = Object.hasOwn(properties, key) ? properties[key] : more;
      if (isJsonObject(property)) this.check(item, property, [...path, key]);
      else if (property === false)
        this.#fault(
          [...path, key],
          `there is no ${this.#noun} "${key}"${didYouMean(key, Object.keys(properties))}`,
        );
    }
  }

  #fault(path: Path, message: string): void {
    this.faults.push({ path, message });
  }

  #text(text: string, schema: JsonObject, path: Path): void {
    const wanted = typesOf(schema);
    const known = this.#schemaOfText(text);
    const given = known === undefined ? undefined : typesOf(known);
    if (wanted === undefined || given === undefined || mayFit(given, wanted)) return;
    this.#fault(path, `expected ${words(wanted)}, but ${text.trim()} is ${words(given)}`);
  }

  /** Of several forms one has to fit; the faults told are those of the form that was most likely meant. */
  #branches(value: Json, schema: JsonObject, path: Path): boolean {
    const branches = (schema['anyOf'] ?? schema['oneOf']) as readonly Json[] | undefined;
    if (!Array.isArray(branches)) return false;
    const tried = (branches as readonly Json[]).filter(isJsonObject).map((branch) => {
      const checker = new ValueChecker(this.#schemaOfText, this.#noun);
      checker.check(value, branch, path);
      return { faults: checker.faults, types: typesOf(branch) };
    });
    if (tried.length === 0 || tried.some((one) => one.faults.length === 0)) return true;
    const type = typeOf(value);
    const meant = tried.find((one) => one.types?.has(type) ?? false);
    if (meant !== undefined) this.faults.push(...meant.faults);
    else {
      const types = new Set(tried.flatMap((one) => [...(one.types ?? ['something else'])]));
      this.#fault(path, `expected ${words(types)}, found ${type}`);
    }
    return true;
  }

  #choice(value: Json, schema: JsonObject, path: Path): void {
    const choices = schema['enum'];
    const same = (one: Json): boolean => JSON.stringify(one) === JSON.stringify(value);
    if (Array.isArray(choices) && !(choices as readonly Json[]).some(same)) {
      const names = (choices as readonly Json[]).filter((one) => typeof one === 'string');
      const hint = typeof value === 'string' ? didYouMean(value, names) : '';
      const shown = (choices as readonly Json[]).map((one) => JSON.stringify(one)).join(', ');
      this.#fault(path, `expected one of ${shown}, found ${JSON.stringify(value)}${hint}`);
    }
    if ('const' in schema && !same(schema['const'] ?? null))
      this.#fault(path, `expected ${JSON.stringify(schema['const'])}, found ${JSON.stringify(value)}`);
  }

  #string(value: string, schema: JsonObject, path: Path): void {
    const { minLength, maxLength, pattern } = schema;
    if (typeof minLength === 'number' && value.length < minLength)
      this.#fault(
        path,
        minLength === 1 ? 'expected a text that is not empty' : `expected at least ${minLength} characters`,
      );
    if (typeof maxLength === 'number' && value.length > maxLength)
      this.#fault(path, `expected at most ${maxLength} characters`);
    if (typeof pattern === 'string' && value !== '' && matches(pattern, value) === false)
      this.#fault(path, `"${value}" is not of the form ${pattern}`);
  }

  #number(value: number, schema: JsonObject, path: Path): void {
    const { minimum, maximum, exclusiveMinimum } = schema;
    if (typeof minimum === 'number' && value < minimum) this.#fault(path, `expected at least ${minimum}`);
    if (typeof exclusiveMinimum === 'number' && value <= exclusiveMinimum)
      this.#fault(path, `expected more than ${exclusiveMinimum}`);
    if (typeof maximum === 'number' && value > maximum) this.#fault(path, `expected at most ${maximum}`);
  }

  #list(value: readonly Json[], schema: JsonObject, path: Path): void {
    const { minItems, maxItems, items } = schema;
    if (typeof minItems === 'number' && value.length < minItems)
      this.#fault(path, `expected at least ${minItems} element${minItems === 1 ? '' : 's'}`);
    if (typeof maxItems === 'number' && value.length > maxItems)
      this.#fault(path, `expected at most ${maxItems} elements`);
    if (isJsonObject(items))
      for (const [index, item] of value.entries()) this.check(item, items, [...path, index]);
  }
}

function matches(pattern: string, value: string): boolean | undefined {
  // A pattern may come from somebody's own schema and take for ever on a long text.
  if (value.length > 200) return undefined;
  try {
    return new RegExp(pattern, 'u').test(value);
  } catch {
    return undefined;
  }
}
