import { escapePattern } from './escape-pattern.ts';
import { isJsonObject, tryParseJson, type Json, type JsonObject } from '../../../base/index.ts';
import type { ModelTool } from '../provider.ts';
import { expressionIn, pathIn, quotedIn, timeZoneIn, urlIn } from './read-text.ts';

/** What a parameter stands for, guessed from its name and schema. */
export type ParameterRole = 'url' | 'expression' | 'timezone' | 'path' | 'content' | 'query' | 'other';

/** Other words for the values of an enumeration; the first that fits decides. */
const verbs: Readonly<Record<string, RegExp>> = {
  delete: /\b(?:delete|remove|rm)\b/i,
  append: /\b(?:append|add)\b/i,
  write: /\b(?:write|save|create|put|store)\b/i,
  list: /\b(?:list|ls|dir|files|folders|entries)\b/i,
  read: /\b(?:read|open|show|cat|print|display|contents?)\b/i,
};

/** The role of one parameter. */
export function roleOf(name: string, schema: JsonObject): ParameterRole {
  const plain = name.toLowerCase().replaceAll(/[-_]/g, '');
  if (schema['format'] === 'uri' || /^(?:url|uri|link|address)$/.test(plain)) return 'url';
  if (/^(?:expression|expr|formula|calculation|equation)$/.test(plain)) return 'expression';
  if (/^(?:timezone|tz|zone)$/.test(plain)) return 'timezone';
  if (/^(?:path|file|filename|filepath|folder|directory|dir)$/.test(plain)) return 'path';
  if (/^(?:content|contents|text|body|data)$/.test(plain)) return 'content';
  if (/^(?:query|q|search|question|prompt|topic|keywords|searchterm|message|input|task|request)$/.test(plain))
    return 'query';
  return 'other';
}

/** The parameters of a tool with their schemas. */
export function parametersOf(tool: ModelTool): readonly (readonly [name: string, schema: JsonObject])[] {
  const properties = tool.parameters['properties'];
  if (!isJsonObject(properties)) return [];
  return Object.entries(properties).map(([name, schema]) => [name, isJsonObject(schema) ? schema : {}]);
}

function requiredOf(tool: ModelTool): readonly string[] {
  const required = tool.parameters['required'];
  return Array.isArray(required) ? required.filter((name): name is string => typeof name === 'string') : [];
}

function typeOf(schema: JsonObject): string {
  const { type } = schema as { type?: Json };
  return typeof type === 'string'
    ? type
    : Array.isArray(type)
      ? String(type.find((one) => one !== 'null'))
      : 'string';
}

/** A value written as text, in the type that the schema asks for. */
function coerce(text: string, schema: JsonObject): Json | undefined {
  switch (typeOf(schema)) {
    case 'integer':
      return /^-?\d+$/.test(text) ? Number(text) : undefined;
    case 'number':
      return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : undefined;
    case 'boolean':
      return /^(?:true|yes|on)$/i.test(text) ? true : /^(?:false|no|off)$/i.test(text) ? false : undefined;
    case 'array':
    case 'object':
      return tryParseJson(text);
    default:
      return text;
  }
}

function namedValue(name: string, text: string, schema: JsonObject): Json | undefined {
  const words = name.replaceAll(/[-_]/g, '[-_ ]?');
  const match = new RegExp(`\\b${words}\\s*[=:]\\s*(?:"([^"]*)"|'([^']*)'|([^\\s,;]+))`, 'i').exec(text);
  const written = match?.[1] ?? match?.[2] ?? match?.[3];
  return written === undefined ? undefined : coerce(written, schema);
}

/** The question without the words that only ask for a search. */
function queryIn(text: string): string {
  const bare = text
    .replace(/^\s*(?:please\s+)?(?:can|could|would)\s+you\s+/i, '')
    .replace(
      /^\s*(?:please\s+)?(?:search|look|browse|query)\s+(?:(?:in|through)\s+)?(?:the\s+)?(?:handbook|docs?|documentation|knowledge(?: base)?|web|internet)?\s*(?:for|up|about)?\s+/i,
      '',
    )
    .replace(/^\s*(?:find|look up)\s+(?:out\s+)?(?:about\s+)?/i, '')
    .trim();
  return bare === '' ? text.trim() : bare;
}

function contentIn(text: string): string | undefined {
  return (
    quotedIn(text) ??
    /\b(?:content|contents|text|body)\s*[=:]\s*(.+)$/is.exec(text)?.[1] ??
    /\b(?:write|save|put|append|add)\s+(.+?)\s+(?:to|into|in)\s+\S+/is.exec(text)?.[1] ??
    /:\s+(.+)$/s.exec(text)?.[1]
  );
}

function enumValue(schema: JsonObject, text: string): Json | undefined {
  const values = Array.isArray(schema['enum']) ? (schema['enum'] as readonly Json[]) : [];
  const texts = values.filter((value): value is string => typeof value === 'string');
  const verb = Object.entries(verbs).find(
    ([name, pattern]) => texts.some((value) => value.toLowerCase() === name) && pattern.test(text),
  )?.[0];
  return (
    texts.find((value) => new RegExp(`\\b${escapePattern(value)}\\b`, 'i').test(text)) ??
    texts.find((value) => value.toLowerCase() === verb)
  );
}

function otherValue(name: string, schema: JsonObject, text: string, required: boolean): Json | undefined {
  const type = typeOf(schema);
  if (type === 'integer' || type === 'number') {
    const plural = /^(?:limit|k|topk|count|max|maxresults|results)$/.test(
      name.toLowerCase().replaceAll(/[-_]/g, ''),
    );
    const asked = plural ? /\btop\s+(\d+)|\b(\d+)\s+(?:results|passages|items|hits)\b/i.exec(text) : null;
    const near = new RegExp(
      `\\b${name.replaceAll('_', '[ _]?')}\\s+(?:of\\s+)?(-?\\d+(?:\\.\\d+)?)`,
      'i',
    ).exec(text);
    const first = required ? /-?\d+(?:\.\d+)?/.exec(text)?.[0] : undefined;
    const found = asked?.[1] ?? asked?.[2] ?? near?.[1] ?? first;
    return found === undefined ? undefined : coerce(found, schema);
  }
  if (type !== 'string' || !required) return undefined;
  const place = /\b(?:in|for|of|to|about|at|from|on)\s+(?:the\s+)?([^,.?!;]+)[.?!]*\s*$/i
    .exec(text)?.[1]
    ?.trim();
  return quotedIn(text) ?? place;
}

function valueFor(name: string, schema: JsonObject, text: string, required: boolean): Json | undefined {
  const isText = typeOf(schema) === 'string' && roleOf(name, schema) === 'content';
  const written = isText ? undefined : namedValue(name, text, schema);
  if (written !== undefined) return written;
  if (Array.isArray(schema['enum'])) return enumValue(schema, text);
  if (typeOf(schema) === 'string') {
    switch (roleOf(name, schema)) {
      case 'url':
        return urlIn(text);
      case 'expression':
        return expressionIn(text);
      case 'timezone':
        return timeZoneIn(text);
      case 'path':
        return pathIn(text);
      case 'content':
        return contentIn(text);
      case 'query':
        return queryIn(text);
      case 'other':
        break;
    }
  }
  return otherValue(name, schema, text, required);
}

/** Arguments for a tool from what a person wrote; `undefined` where a required one cannot be found in it. */
export function fillArguments(tool: ModelTool, text: string): JsonObject | undefined {
  const json = tryParseJson(/\{[\s\S]*\}\s*$/.exec(text)?.[0] ?? '');
  if (isJsonObject(json) && text.includes(tool.name)) return json;
  const required = requiredOf(tool);
  const filled: Record<string, Json> = {};
  for (const [name, schema] of parametersOf(tool)) {
    const isRequired = required.includes(name);
    let value = valueFor(name, schema, text, isRequired);
    // "List the files" means the folder that the tool begins in.
    if (value === undefined && isRequired && roleOf(name, schema) === 'path' && verbs['list']?.test(text))
      value = '.';
    if (value === undefined && isRequired) value = schema['default'];
    if (value === undefined && isRequired) return undefined;
    const writes =
      roleOf(name, schema) !== 'content' ||
      isRequired ||
      /\b(?:write|save|put|append|add|create)\b/i.test(text);
    if (value !== undefined && writes) filled[name] = value;
  }
  return filled;
}
