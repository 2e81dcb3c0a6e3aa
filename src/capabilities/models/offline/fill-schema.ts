import { escapePattern } from './escape-pattern.ts';
import { isJsonObject, type Json, type JsonObject } from '../../../base/index.ts';
import { urlIn } from './read-text.ts';

/** Parameters that may carry a sentence saying that nothing was found. */
const remarkNames =
  /^(?:reason|note|message|explanation|refusal|summary|answer|comment|response|reply|result|output)$/i;
const deepest = 12;

function typesOf(schema: JsonObject): readonly string[] {
  const { type } = schema as { type?: Json };
  if (typeof type === 'string') return [type];
  if (Array.isArray(type)) return type.filter((one): one is string => typeof one === 'string');
  if (isJsonObject(schema['properties'])) return ['object'];
  return [];
}

/** What a text says under a name: `priority: high`, `"total" = 12`. */
function saidUnder(name: string, text: string): string | undefined {
  const words = name
    .replaceAll(/([a-z])([A-Z])/g, '$1 $2')
    .split(/[-_\s]+/)
    .map((word) => escapePattern(word))
    .join('[-_ ]?');
  const match = new RegExp(
    `(?:^|[^\\p{L}\\p{N}])["'*]*${words}["'*]*\\s*(?:[:=]|\\bis\\b)\\s*(?:"([^"\\n]*)"|((?:[^\\n,;]|,(?=\\d{3}))+))`,
    'iu',
  ).exec(text);
  const value = (match?.[1] ?? match?.[2])?.trim().replace(/[.*]+$/, '');
  return value === '' ? undefined : value;
}

function fillText(name: string, schema: JsonObject, text: string): string | undefined {
  const { format } = schema;
  if (format === 'email' || /^e?mail$/i.test(name)) return /[\w.+-]+@[\w-]+(?:\.[\w-]+)+/.exec(text)?.[0];
  if (format === 'uri' || /^(?:url|link)$/i.test(name)) return urlIn(text);
  if (format === 'date') return /\b\d{4}-\d{2}-\d{2}\b/.exec(text)?.[0];
  if (format === 'date-time') return /\b\d{4}-\d{2}-\d{2}T[\d:.]+(?:Z|[+-]\d{2}:\d{2})/.exec(text)?.[0];
  return saidUnder(name, text);
}

/** The value found in the text; `undefined` when there is none. */
function found(name: string, schema: JsonObject, text: string): Json | undefined {
  const { enum: options, const: fixed } = schema as { enum?: Json; const?: Json };
  if (fixed !== undefined) return fixed;
  if (Array.isArray(options)) {
    const said = saidUnder(name, text)?.toLowerCase();
    const named = options.filter((option): option is string => typeof option === 'string');
    const matches = named.filter((option) =>
      new RegExp(`(?<![\\p{L}\\p{N}])${escapePattern(option)}(?![\\p{L}\\p{N}])`, 'iu').test(text),
    );
    return (
      named.find((option) => option.toLowerCase() === said) ?? (matches.length === 1 ? matches[0] : undefined)
    );
  }
  const types = typesOf(schema);
  if (types.includes('string')) return fillText(name, schema, text);
  if (types.includes('number') || types.includes('integer')) {
    const said = saidUnder(name, text);
    const number =
      said === undefined ? undefined : /-?\d+(?:\.\d+)?/.exec(said.replaceAll(/(?<=\d),(?=\d{3})/g, ''))?.[0];
    if (number === undefined) return undefined;
    return types.includes('number') || Number.isInteger(Number(number)) ? Number(number) : undefined;
  }
  if (types.includes('boolean')) {
    const said = saidUnder(name, text);
    return said === undefined
      ? undefined
      : /^(?:true|yes)\b/i.test(said)
        ? true
        : /^(?:false|no)\b/i.test(said)
          ? false
          : undefined;
  }
  return undefined;
}

/** The least that the schema accepts where nothing was found: `null` if it may be, else empty. */
function empty(name: string, schema: JsonObject, remark: string): Json {
  const types = typesOf(schema);
  const {
    enum: options,
    minimum,
    default: preset,
  } = schema as { enum?: Json; minimum?: Json; default?: Json };
  if (types.includes('string') && !Array.isArray(options) && remarkNames.test(name)) return remark;
  if (types.includes('null') || (Array.isArray(options) && options.includes(null))) return null;
  if (preset !== undefined) return preset;
  if (Array.isArray(options)) return (options as readonly Json[])[0] ?? null;
  if (types.includes('string')) return '';
  if (types.includes('number') || types.includes('integer')) return typeof minimum === 'number' ? minimum : 0;
  if (types.includes('boolean')) return false;
  return types.includes('array') ? [] : null;
}

function fill(
  name: string,
  schema: JsonObject,
  text: string,
  remark: string,
  root: JsonObject,
  depth: number,
): Json {
  const target = dereference(schema, root);
  const branches = target['anyOf'] ?? target['oneOf'];
  if (Array.isArray(branches) && depth < deepest) {
    const options = (branches as readonly Json[])
      .filter(isJsonObject)
      .map((branch) => dereference(branch, root));
    const value = options.map((option) => found(name, option, text)).find((one) => one !== undefined);
    if (value !== undefined) return value;
    if (options.some((option) => typesOf(option).includes('null'))) return null;
    return options[0] === undefined ? null : fill(name, options[0], text, remark, root, depth + 1);
  }
  if (typesOf(target).includes('object') && depth < deepest) {
    const properties = isJsonObject(target['properties']) ? target['properties'] : {};
    const required = Array.isArray(target['required']) ? (target['required'] as readonly Json[]) : [];
    const entries = Object.entries(properties).flatMap(([key, inner]): [string, Json][] => {
      const innerSchema = isJsonObject(inner) ? inner : {};
      if (required.includes(key)) return [[key, fill(key, innerSchema, text, remark, root, depth + 1)]];
      const value = found(key, dereference(innerSchema, root), text);
      return value === undefined ? [] : [[key, value]];
    });
    return Object.fromEntries(entries);
  }
  return found(name, target, text) ?? empty(name, target, remark);
}

function dereference(schema: JsonObject, root: JsonObject): JsonObject {
  const reference = schema['$ref'];
  if (typeof reference !== 'string' || !reference.startsWith('#/')) return schema;
  let target: Json | undefined = root;
  for (const part of reference.slice(2).split('/')) target = isJsonObject(target) ? target[part] : undefined;
  return isJsonObject(target) ? target : schema;
}

/** A value of the schema's shape with what the text says and nothing else; `remark` goes where a sentence fits. */
export function fillSchema(schema: JsonObject, text: string, remark: string): Json {
  return fill('', schema, text, remark, schema, 0);
}
