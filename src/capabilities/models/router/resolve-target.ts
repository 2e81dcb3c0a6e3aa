import { impliedPrefix } from '../list/litellm/litellm-providers.ts';
import { fillPattern, isPattern, sortedPatterns } from '../list/match-pattern.ts';
import type { Deployment, ModelList } from './deployment.ts';

/** What a name of the model list means. */
export interface ResolvedTarget {
  /** The name once aliases are followed. */
  readonly name: string;
  /** Group, pattern, or the name where it stands in no list. */
  readonly group: string;
  /** Who may answer; empty for a name that stands in no list: prefix rules and the default provider decide. */
  readonly deployments: readonly Deployment[];
  /** The rule that fitted. */
  readonly by: 'group' | 'deployment' | 'pattern' | 'none';
}

/** What is worked out once for each list. */
interface ListIndex {
  readonly patterns: ReturnType<typeof sortedPatterns>;
  readonly filled: Map<string, ResolvedTarget>;
}

/** Names that clients made up are not kept beyond this many. */
const mostFilled = 1000;
const mostAliases = 20;
const indexes = new WeakMap<ModelList, ListIndex>();

function indexOf(list: ModelList): ListIndex {
  const known = indexes.get(list);
  if (known !== undefined) return known;
  const made = { patterns: sortedPatterns([...list.groups.keys()]), filled: new Map() };
  indexes.set(list, made);
  return made;
}

function followAliases(name: string, list: ModelList): string {
  let at = name;
  for (let step = 0; step < mostAliases; step += 1) {
    const next = list.aliases.get(at);
    if (next === undefined || next === at) return at;
    at = next;
  }
  return at;
}

function byPattern(
  name: string,
  list: ModelList,
  { patterns, filled }: ListIndex,
): ResolvedTarget | undefined {
  if (patterns.length === 0) return undefined;
  const known = filled.get(name);
  if (known !== undefined) return known;
  for (const pattern of patterns) {
    const captured = pattern.match(name);
    if (captured === undefined) continue;
    const deployments = (list.groups.get(pattern.name) ?? []).flatMap((one) =>
      one.forName === undefined ? one : (one.forName(fillPattern(one.model, captured, name)) ?? []),
    );
    if (deployments.length === 0) continue;
    const found: ResolvedTarget = { name, group: pattern.name, deployments, by: 'pattern' };
    if (filled.size >= mostFilled) filled.delete(filled.keys().next().value ?? '');
    filled.set(name, found);
    return found;
  }
  return undefined;
}

/**
 * What a name means, first rule that fits: alias, group, id of a deployment, pattern (`openai/*`, the most specific
 * first; a model known without its provider also fits with it). Whatever is left belongs to `provider/model`, the prefix rules and the default provider.
 */
export function resolveTarget(asked: string, list: ModelList): ResolvedTarget {
  const name = followAliases(asked, list);
  const group = isPattern(name) ? undefined : list.groups.get(name);
  if (group !== undefined) return { name, group: name, deployments: group, by: 'group' };
  const deployment = list.deployments.get(name);
  if (deployment !== undefined && deployment.forName === undefined)
    return { name, group: deployment.group, deployments: [deployment], by: 'deployment' };
  const index = indexOf(list);
  const prefix = impliedPrefix(name);
  const found =
    byPattern(name, list, index) ??
    (prefix === undefined ? undefined : byPattern(`${prefix}/${name}`, list, index));
  return found ?? { name, group: name, deployments: [], by: 'none' };
}
