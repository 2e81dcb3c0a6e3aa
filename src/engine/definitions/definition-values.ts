import { camelCase, isJsonObject, type Json } from '../../base/index.ts';
import { quoteHint } from './yaml-faults.ts';

/** Something that is valid YAML but no definition. */
export interface ValueFault {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

const deepest = 100;

/** Maps whose keys are the author's own. */
const freeMaps = new Set([
  'labels',
  'variables',
  'config',
  'schema',
  'prices',
  'prefixes',
  'inputs',
  'outputs',
  'outputSchema',
  'metadataMatch',
  'headers',
]);

/** The same in the model list alone. */
const freeModelMaps = new Set(['params']);

/** Maps of the model list whose keys are names, while what they lead to is spelled as everywhere. */
const namedModelMaps = new Set([
  'groups',
  'aliases',
  'groupRetryPolicies',
  'groupTags',
  'fallbacks',
  'contextWindowFallbacks',
  'contentPolicyFallbacks',
]);

/** The first thing in a value that JSON or the database cannot hold: a loop, a number without end, U+0000, too deep nesting. */
export function unstorable(value: unknown): ValueFault | undefined {
  const above = new Set<unknown>();
  const visit = (inner: unknown, path: readonly PropertyKey[]): ValueFault | undefined => {
    if (typeof inner === 'string')
      return inner.includes('\0') ? { path, message: 'the character U+0000 is not allowed' } : undefined;
    if (typeof inner === 'number')
      return Number.isFinite(inner) ? undefined : { path, message: `${inner} is no number that JSON knows` };
    if (typeof inner !== 'object' || inner === null) return undefined;
    if (above.has(inner)) return { path, message: 'an alias leads back to where it stands' };
    if (path.length >= deepest) return { path, message: 'nested too deeply' };
    above.add(inner);
    for (const [key, child] of Object.entries(inner)) {
      const place = [...path, Array.isArray(inner) ? Number(key) : key];
      const fault = visit(key, place) ?? visit(child, place);
      if (fault !== undefined) return fault;
    }
    above.delete(inner);
    return undefined;
  };
  return visit(value, []);
}

/**
 * Expressions that another YAML parser has read as maps before the definition came as JSON: objects such as
 * `{"{ inputs.topic }": null}`.
 */
export function lostExpressions(value: Json): readonly ValueFault[] {
  const found: ValueFault[] = [];
  const visit = (inner: Json, path: readonly PropertyKey[]): void => {
    if (typeof inner !== 'object' || inner === null) return;
    const entries = Object.entries(inner);
    const [[key, only] = ['', undefined]] = entries;
    const expression =
      entries.length === 1 && only === null ? /^\{\s*(.*?)\s*\}$/s.exec(key)?.[1] : undefined;
    if (expression !== undefined) {
      found.push({ path, message: quoteHint(`{{ ${expression.replace(/: (?:null|"")?$/, '')} }}`) });
      return;
    }
    for (const [name, child] of entries)
      visit(child ?? null, [...path, Array.isArray(inner) ? Number(name) : name]);
  };
  visit(value, []);
  return found;
}

/** Keys of a map: fields of a schema, names above such fields, or the author's own all the way down. */
type Keys = 'spelled' | 'names' | 'free';

/** Keys as the schemas spell them: `max_steps` and `maxSteps` are the same; one given in both spellings is a fault. Free maps keep theirs. */
export function camelKeys(value: Json, faults: ValueFault[]): Json {
  const kind = isJsonObject(value) ? value['kind'] : undefined;
  const speaksOfModels = kind === 'Project' || kind === 'ModelRouter';
  const keysBelow = (name: string): Keys =>
    freeMaps.has(name) || (speaksOfModels && freeModelMaps.has(name))
      ? 'free'
      : speaksOfModels && namedModelMaps.has(name)
        ? 'names'
        : 'spelled';
  const visit = (inner: Json, path: readonly PropertyKey[], keys: Keys): Json => {
    if (Array.isArray(inner))
      return (inner as readonly Json[]).map((item, index) => visit(item, [...path, index], keys));
    if (!isJsonObject(inner)) return inner;
    const seen = new Map<string, string>();
    return Object.fromEntries(
      Object.entries(inner).map(([key, child]) => {
        const name = keys === 'spelled' ? camelCase(key) : key;
        const place = [...path, name];
        const other = seen.get(name);
        if (other !== undefined)
          faults.push({ path: place, message: `given twice, as "${other}" and as "${key}"` });
        seen.set(name, key);
        const below = keys === 'free' ? 'free' : keys === 'names' ? 'spelled' : keysBelow(name);
        return [name, visit(child ?? null, place, below)];
      }),
    );
  };
  return visit(value, [], 'spelled');
}

/** The path of the first text that holds `part`. */
export function pathOfText(value: Json, part: string): readonly PropertyKey[] | undefined {
  if (typeof value === 'string') return value.includes(part) ? [] : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, child] of Object.entries(value)) {
    const inner = pathOfText(child ?? null, part);
    if (inner !== undefined) return [Array.isArray(value) ? Number(key) : key, ...inner];
  }
  return undefined;
}
