import { Ajv, type ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { AppError, type JsonObject } from '../../base/index.ts';
import type { Tool } from './tool.ts';

const options = { allErrors: true, strict: false, validateFormats: false } as const;
const draft7 = new Ajv(options);
const draft2020 = new Ajv2020(options);
const compiled = new WeakMap<object, ValidateFunction>();

function compile(schema: JsonObject): ValidateFunction {
  const known = compiled.get(schema);
  if (known !== undefined) return known;
  const { $schema, ...body } = schema;
  const draft = typeof $schema === 'string' && $schema.includes('draft-07') ? draft7 : draft2020;
  let validate: ValidateFunction;
  try {
    validate = draft.compile(body);
    // Ajv would keep every schema it ever saw, and refuse another object with the same $id.
    draft.removeSchema(body);
  } catch (error) {
    throw new AppError('invalid_definition', 'the JSON Schema cannot be used', { cause: error });
  }
  compiled.set(schema, validate);
  return validate;
}

/** What is wrong with a value, each fault naming the field and what was expected; empty when it fits the schema. */
export function schemaFaults(schema: JsonObject, value: unknown): readonly string[] {
  const validate = compile(schema);
  if (validate(value)) return [];
  return (validate.errors ?? []).map((error) => {
    const place = error.instancePath.slice(1).replaceAll('/', '.');
    const field = place || 'value';
    const extra = error.params as Record<string, unknown>;
    if (error.keyword === 'additionalProperties')
      return `${field}: has the unknown field "${String(extra['additionalProperty'])}"`;
    if (error.keyword === 'required') {
      const missing = String(extra['missingProperty']);
      return `${place === '' ? missing : `${place}.${missing}`}: is missing`;
    }
    if (error.keyword === 'enum')
      return `${field}: expected one of ${JSON.stringify(extra['allowedValues'])}`;
    return `${field}: ${error.message ?? 'is not valid'}`;
  });
}

/** Faults of a tool's arguments. */
export function parameterFaults(tool: Tool, parameters: JsonObject): readonly string[] {
  return schemaFaults(tool.parameters, parameters);
}
