import { isJsonObject, type Json } from '../../base/index.ts';
import { camelCase } from './definition-places.ts';
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

/** Keys as the schemas spell them: `max_steps` and `maxSteps` are the same; one given in both spellings is a fault. Free maps keep theirs. */
export function camelKeys(value: Json, faults: ValueFault[]): Json {
  const visit = (inner: Json, path: readonly PropertyKey[], free: boolean): Json => {
    if (Array.isArray(inner))
      return (inner as readonly Json[]).map((item, index) => visit(item, [...path, index], free));
    if (!isJsonObject(inner)) return inner;
    const seen = new Map<string, string>();
    return Object.fromEntries(
      Object.entries(inner).map(([key, child]) => {
        const name = free ? key : camelCase(key);
        const place = [...path, name];
        const other = seen.get(name);
        if (other !== undefined)
          faults.push({ path: place, message: `given twice, as "${other}" and as "${key}"` });
        seen.set(name, key);
        return [name, visit(child ?? null, place, free || freeMaps.has(name))];
      }),
    );
  };
  return visit(value, [], false);
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
