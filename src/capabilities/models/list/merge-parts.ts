import { canonicalJson } from '../../../base/index.ts';
import type { RouterSpec } from '../../../protocol/index.ts';
import { placeText, type Location, type ModelListFault } from './location.ts';
import type { ListedAlias, ListedDeployment, ModelListPart } from './model-list-part.ts';

/** All parts as one, with where each thing was written. */
export interface MergedList {
  readonly groups: ReadonlyMap<string, readonly ListedDeployment[]>;
  readonly aliases: ReadonlyMap<string, ListedAlias>;
  readonly router: RouterSpec;
  /** Where a field of the router, or an entry of one of its maps, was written. */
  readonly routerAt: (field: string, entry?: string) => Location;
  readonly lenientAt: (field: string, entry?: string) => boolean;
  readonly lenientAlias: (name: string) => boolean;
  readonly faults: readonly ModelListFault[];
  readonly notes: readonly string[];
}

/** Fields whose entries come together from several files. */
const mapFields = [
  'fallbacks',
  'contextWindowFallbacks',
  'contentPolicyFallbacks',
  'groupRetryPolicies',
  'groupTags',
];

const same = (one: unknown, two: unknown): boolean => canonicalJson(one) === canonicalJson(two);

/**
 * Puts the parts together. A name or a setting that stands in two of them is a fault of the later one, which is left out;
 * what our own files say of the router stands above a LiteLLM configuration.
 */
export function mergeParts(parts: readonly ModelListPart[]): MergedList {
  const faults: ModelListFault[] = [];
  const notes: string[] = [];
  const groups = new Map<string, readonly ListedDeployment[]>();
  const groupPlaces = new Map<string, Location>();
  const aliases = new Map<string, ListedAlias>();
  const lenientAliases = new Set<string>();
  const ids = new Map<string, Location>();
  const router: Record<string, unknown> = {};
  const writers = new Map<string, ModelListPart>();

  const twice = (at: Location, field: string, what: string, first: Location): void =>
    void faults.push({ ...at, field, message: `${what} stands in ${placeText(first)} already` });

  function addDeployments(part: ModelListPart): void {
    for (const [name, deployments] of part.groups) {
      const first = groupPlaces.get(name);
      if (first !== undefined) {
        twice(
          deployments[0]?.at ?? part.at(['groups', name]),
          `groups.${name}`,
          `the group "${name}"`,
          first,
        );
        continue;
      }
      groupPlaces.set(name, deployments[0]?.at ?? part.at(['groups', name]));
      groups.set(
        name,
        deployments.filter(({ spec, at }, index) => {
          if (spec.id === undefined) return true;
          const taken = ids.get(spec.id);
          if (taken === undefined) ids.set(spec.id, at);
          else twice(at, `groups.${name}.${index}.id`, `the id "${spec.id}"`, taken);
          return taken === undefined;
        }),
      );
    }
  }

  function addAliases(part: ModelListPart): void {
    for (const [name, alias] of part.aliases) {
      const first = aliases.get(name);
      if (first === undefined) {
        aliases.set(name, alias);
        if (part.lenient) lenientAliases.add(name);
      } else if (first.target !== alias.target)
        twice(alias.at, `aliases.${name}`, `the alias "${name}"`, first.at);
    }
  }

  function addSetting(part: ModelListPart, key: string, path: readonly string[], value: unknown): boolean {
    const first = writers.get(key);
    if (first === undefined) {
      writers.set(key, part);
      return true;
    }
    const at = part.at(['router', ...path]);
    const before = first.at(['router', ...path]);
    const [field = '', entry] = path;
    const present =
      entry === undefined ? router[field] : (router[field] as Record<string, unknown> | undefined)?.[entry];
    if (same(present, value)) return false;
    if (part.lenient)
      notes.push(`${placeText(at)}: ${path.join('.')} is not used, ${placeText(before)} says otherwise`);
    else twice(at, `router.${path.join('.')}`, `router.${path.join('.')}`, before);
    return false;
  }

  function addRouter(part: ModelListPart): void {
    for (const [field, value] of Object.entries(part.router)) {
      if (value === undefined) continue;
      if (!mapFields.includes(field)) {
        if (addSetting(part, field, [field], value)) router[field] = value;
        continue;
      }
      const map = (router[field] ??= {}) as Record<string, unknown>;
      for (const [name, entry] of Object.entries(value as Record<string, unknown>))
        if (addSetting(part, `${field} ${name}`, [field, name], entry)) map[name] = entry;
    }
  }

  // What is written in our own form comes first, so that it stands above a LiteLLM configuration.
  for (const part of [...parts].toSorted((one, two) => Number(one.lenient) - Number(two.lenient))) {
    notes.push(...part.notes);
    addDeployments(part);
    addAliases(part);
    addRouter(part);
  }
  const writerOf = (field: string, entry?: string): ModelListPart | undefined =>
    (entry === undefined ? undefined : writers.get(`${field} ${entry}`)) ?? writers.get(field);
  return {
    groups,
    aliases,
    router,
    routerAt: (field, entry) =>
      writerOf(field, entry)?.at(['router', field, ...(entry === undefined ? [] : [entry])]) ?? { file: '' },
    lenientAt: (field, entry) => writerOf(field, entry)?.lenient ?? false,
    lenientAlias: (name) => lenientAliases.has(name),
    faults,
    notes,
  };
}
