import { isJsonObject, type Json, type JsonObject } from '../../base/index.ts';
import type { DefinitionKind } from '../../protocol/index.ts';

type Path = readonly PropertyKey[];

/** What is good of a definition, and where something of it stands in the whole. */
interface GoodPart {
  readonly value: JsonObject;
  readonly written: (path: Path) => Path;
}

/** Where the groups of the model list stand. */
const groupsOf: Partial<Record<DefinitionKind, Path>> = {
  Project: ['spec', 'models', 'groups'],
  ModelRouter: ['spec', 'groups'],
};

/** The value with another one at a path of keys that it has. */
function replaced(value: JsonObject, [key, ...rest]: Path, inner: Json): JsonObject {
  const name = String(key);
  const below = value[name];
  return {
    ...value,
    [name]: rest.length === 0 || !isJsonObject(below) ? inner : replaced(below, rest, inner),
  };
}

/**
 * The definition without the deployments that have faults, so that the good ones can serve; a group is left out with the
 * last of them. `undefined` where anything else is at fault too.
 */
export function withoutFaultyDeployments(
  kind: DefinitionKind,
  value: JsonObject,
  faults: readonly Path[],
): GoodPart | undefined {
  const place = groupsOf[kind];
  if (place === undefined) return undefined;
  const faulty = new Map<string, Set<PropertyKey>>();
  for (const path of faults) {
    const [group, entry = 'all'] = path.slice(place.length);
    if (group === undefined || place.some((key, index) => path[index] !== key)) return undefined;
    faulty.set(String(group), (faulty.get(String(group)) ?? new Set()).add(entry));
  }
  let groups: Json | undefined = value;
  for (const key of place) groups = isJsonObject(groups) ? groups[String(key)] : undefined;
  if (!isJsonObject(groups)) return undefined;
  const kept = new Map<string, readonly number[]>();
  const good = Object.entries(groups).flatMap(([name, entries]) => {
    const wrong = faulty.get(name);
    if (wrong === undefined) return [[name, entries] as const];
    if (wrong.has('all') || !Array.isArray(entries)) return [];
    const indexes = [...entries.keys()].filter((index) => !wrong.has(index));
    kept.set(name, indexes);
    return indexes.length === 0 ? [] : [[name, indexes.map((index) => entries[index] as Json)] as const];
  });
  return {
    value: replaced(value, place, Object.fromEntries(good)),
    written: (path) => {
      const [group, index, ...rest] = path.slice(place.length);
      const before = place.every((key, at) => path[at] === key)
        ? kept.get(String(group))?.[Number(index)]
        : undefined;
      return before === undefined || group === undefined ? path : [...place, group, before, ...rest];
    },
  };
}
