import { isJsonObject, type Json, type JsonObject } from '../../base/index.ts';
import type { WorkflowSpec } from '../../protocol/index.ts';

type Ports = WorkflowSpec['inputs'];

/** Words for types that a port may use, with the JSON Schema they mean. */
const types: Readonly<Record<string, JsonObject>> = {
  string: { type: 'string' },
  text: { type: 'string' },
  str: { type: 'string' },
  number: { type: 'number' },
  float: { type: 'number' },
  integer: { type: 'integer' },
  int: { type: 'integer' },
  boolean: { type: 'boolean' },
  bool: { type: 'boolean' },
  object: { type: 'object' },
  dict: { type: 'object' },
  array: { type: 'array' },
  list: { type: 'array' },
  null: { type: 'null' },
  any: {},
};

/** Every word that a port may have as its type; `[]` after it makes a list, `?` an input that may be left out. */
export const portTypes: readonly string[] = Object.keys(types);

/** The schema of a type as it is written (`string`, `integer?`, `string[]`); `undefined` where there is no such type. */
export function typeSchema(written: string): JsonObject | undefined {
  const name = written.trim().replace(/\?$/, '');
  if (name.endsWith('[]')) {
    const items = typeSchema(name.slice(0, -2));
    return items === undefined ? undefined : { type: 'array', items };
  }
  const word = name.toLowerCase();
  return Object.hasOwn(types, word) ? types[word] : undefined;
}

/** One input or output as a JSON Schema, and whether it has to be given. */
export interface Port {
  readonly schema: JsonObject;
  readonly required: boolean;
}

/** Reads a port: a type, or a JSON Schema with `required` as a boolean beside it. An unknown type says nothing about the value. */
export function readPort(written: Ports[string]): Port {
  if (typeof written === 'string')
    return { schema: typeSchema(written) ?? {}, required: !written.trim().endsWith('?') };
  const { required, type, ...rest } = written as JsonObject;
  const short = typeof type === 'string' ? typeSchema(type) : undefined;
  const schema: JsonObject = {
    ...rest,
    ...(short ?? (type === undefined ? {} : { type })),
    ...(Array.isArray(required) ? { required } : {}),
  };
  const optional = typeof type === 'string' && type.trim().endsWith('?');
  return { schema, required: required !== false && !optional && schema['default'] === undefined };
}

const schemas = new WeakMap<object, JsonObject>();

/** The JSON Schema of the inputs of a workflow: an object without further keys. The same object for the same spec. */
export function inputsSchema(spec: Pick<WorkflowSpec, 'inputs'>): JsonObject {
  const known = schemas.get(spec.inputs);
  if (known !== undefined) return known;
  const ports = Object.entries(spec.inputs).map(([name, written]) => ({ name, ...readPort(written) }));
  const schema: JsonObject = {
    type: 'object',
    properties: Object.fromEntries(ports.map((port) => [port.name, port.schema])),
    required: ports.filter((port) => port.required).map((port) => port.name),
    additionalProperties: false,
  };
  schemas.set(spec.inputs, schema);
  return schema;
}

/** Puts the defaults of a schema where nothing was given. */
export function applyDefaults(schema: JsonObject, given: JsonObject): JsonObject {
  const properties = isJsonObject(schema['properties']) ? schema['properties'] : {};
  const values: Record<string, Json | undefined> = { ...given };
  for (const [name, property] of Object.entries(properties)) {
    if (values[name] !== undefined || !isJsonObject(property)) continue;
    const value = property['default'];
    if (value !== undefined) values[name] = value;
  }
  return values;
}
