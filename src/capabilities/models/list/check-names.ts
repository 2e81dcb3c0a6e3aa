import { didYouMean } from '../../../base/index.ts';
import { splitModel, type RouterSpec } from '../../../protocol/index.ts';
import { placeText, type ModelListFault } from './location.ts';
import { sortedPatterns } from './match-pattern.ts';
import type { MergedList } from './merge-parts.ts';

/** What a name may mean beside what the list has. */
export interface KnownNames {
  /** Providers that `provider/model` may name; `undefined`: nobody can say. */
  readonly providers: readonly string[] | undefined;
  /** Beginnings of model names that speak for a provider. */
  readonly prefixes: readonly string[];
  readonly ids: readonly string[];
}

/** The merged list without what leads nowhere. */
export interface CheckedNames {
  readonly aliases: ReadonlyMap<string, string>;
  readonly router: RouterSpec;
  readonly faults: readonly ModelListFault[];
  readonly notes: readonly string[];
}

const fallbackFields = ['fallbacks', 'contextWindowFallbacks', 'contentPolicyFallbacks'] as const;

/** Leaves out aliases that go in circles and whatever names nothing: a fault, or a note in a LiteLLM configuration. */
export function checkNames(merged: MergedList, known: KnownNames): CheckedNames {
  const faults: ModelListFault[] = [];
  const notes: string[] = [];
  const { groups } = merged;
  const patterns = sortedPatterns([...groups.keys()]);
  const own = [...groups.keys(), ...merged.aliases.keys(), ...known.ids];
  const inList = new Set(own);
  const bare = new Set([...groups.keys()].map((name) => splitModel(name)[1]));

  const isKnown = (name: string): boolean => {
    if (inList.has(name) || name === 'default') return true;
    if (patterns.some((pattern) => pattern.match(name) !== undefined)) return true;
    const [provider] = splitModel(name);
    if (provider !== undefined && (known.providers?.includes(provider) ?? true)) return true;
    return known.prefixes.some((prefix) => name.startsWith(prefix));
  };
  const hint = (name: string): string => {
    const near = didYouMean(name, own);
    if (near !== '') return near;
    const [provider] = splitModel(name);
    return provider === undefined
      ? '; a model outside the list is written provider/model'
      : didYouMean(provider, known.providers ?? []);
  };
  const tell = (lenient: boolean, fault: ModelListFault): void => {
    if (lenient) notes.push(`${placeText(fault)}: ${fault.message}; left out`);
    else faults.push(fault);
  };

  const aliases = new Map<string, string>();
  for (const [name, { target, at }] of merged.aliases) {
    const lenient = merged.lenientAlias(name);
    const field = `aliases.${name}`;
    const way = [name];
    for (let next: string | undefined = target; next !== undefined; next = merged.aliases.get(next)?.target) {
      const isLoop = way.includes(next);
      way.push(next);
      if (isLoop) break;
    }
    const last = way.at(-1) ?? target;
    if (way.indexOf(last) !== way.length - 1)
      tell(lenient, { ...at, field, message: `the alias goes in circles: ${way.join(' → ')}` });
    else if (isKnown(target)) {
      aliases.set(name, last);
      if (groups.has(name))
        notes.push(`${placeText(at)}: the alias "${name}" stands before the group of that name`);
    } else
      tell(lenient, { ...at, field, message: `"${target}" is no group, deployment or model${hint(target)}` });
  }

  const router: Record<string, unknown> = { ...merged.router };
  const usable = (
    field: string,
    entry: string | undefined,
    targets: NonNullable<RouterSpec['defaultFallbacks']>,
  ): NonNullable<RouterSpec['defaultFallbacks']> =>
    targets.filter(({ model }) => {
      if (isKnown(model)) return true;
      const at = merged.routerAt(field, entry);
      const path = ['router', field, ...(entry === undefined ? [] : [entry])].join('.');
      tell(merged.lenientAt(field, entry), {
        ...at,
        field: path,
        message: `"${model}" is no group, deployment or model${hint(model)}`,
      });
      return false;
    });
  const hasGroup = (field: string, name: string): boolean => {
    if (name === '*' || bare.has(name) || isKnown(name)) return true;
    tell(merged.lenientAt(field, name), {
      ...merged.routerAt(field, name),
      field: `router.${field}.${name}`,
      message: `there is no group "${name}"${didYouMean(name, own)}`,
    });
    return false;
  };
  for (const field of fallbackFields) {
    const written = merged.router[field];
    if (written === undefined) continue;
    router[field] = Object.fromEntries(
      Object.entries(written)
        .filter(([name]) => hasGroup(field, name))
        .map(([name, targets]) => [name, usable(field, name, targets)]),
    );
  }
  if (merged.router.defaultFallbacks !== undefined)
    router['defaultFallbacks'] = usable('defaultFallbacks', undefined, merged.router.defaultFallbacks);
  for (const field of ['groupRetryPolicies', 'groupTags'] as const)
    if (merged.router[field] !== undefined)
      router[field] = Object.fromEntries(
        Object.entries(merged.router[field]).filter(([name]) => hasGroup(field, name)),
      );
  return { aliases, router, faults, notes };
}
