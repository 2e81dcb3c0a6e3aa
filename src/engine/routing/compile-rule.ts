import { isJsonObject, type Json } from '../../base/index.ts';
import type { ChannelRoute, RouteSpec, RouteTargetFields, RunTarget } from '../../protocol/index.ts';
import type { RoutedEvent } from './routed-event.ts';
import { compileSafePattern } from './safe-pattern.ts';

/** A rule that is ready to be asked. */
export interface CompiledRule {
  readonly name: string;
  readonly priority: number;
  readonly target: RunTarget;
  /** The first condition that does not hold; `undefined`: the rule fits. */
  readonly failing: (event: RoutedEvent) => string | undefined;
}

type RuleFields = Omit<ChannelRoute, 'name'> & Partial<Pick<RouteSpec, 'enabled'>>;
type Test = (event: RoutedEvent) => boolean;

/** What a rule starts; its schema has seen to it that there is exactly one. */
export function targetOfRule(rule: RouteTargetFields): RunTarget {
  const agent = rule.agent ?? rule.agentId;
  if (agent !== undefined) return { kind: 'agent', name: agent };
  const team = rule.team ?? rule.teamId;
  if (team !== undefined) return { kind: 'team', name: team };
  return { kind: 'workflow', name: rule.workflow ?? rule.workflowId ?? '' };
}

/** The value at a dotted path; a key that has the dots itself goes first. */
function valueAt(value: Json | undefined, path: string): Json | undefined {
  if (!isJsonObject(value)) return undefined;
  if (Object.hasOwn(value, path)) return value[path];
  const dot = path.indexOf('.');
  if (dot === -1) return undefined;
  const head = path.slice(0, dot);
  return Object.hasOwn(value, head) ? valueAt(value[head], path.slice(dot + 1)) : undefined;
}

function oneOf<T>(wanted: T | readonly T[] | undefined, read: (event: RoutedEvent) => unknown): Test {
  return anyOf(wanted, (event) => [read(event)]);
}

function anyOf<T>(
  wanted: T | readonly T[] | undefined,
  read: (event: RoutedEvent) => readonly unknown[],
): Test {
  const values: ReadonlySet<unknown> = new Set(Array.isArray(wanted) ? (wanted as readonly T[]) : [wanted]);
  return (event) => read(event).some((value) => value !== undefined && values.has(value));
}

function found(pattern: string | undefined, read: (event: RoutedEvent) => string | undefined): Test {
  const compiled = compileSafePattern(pattern ?? '');
  return (event) => {
    const text = read(event);
    return text !== undefined && compiled.found(text);
  };
}

/** Cheap conditions first, patterns last. */
const makers = {
  source: (rule) => oneOf(rule.source, (event) => event.source),
  channel: (rule) => oneOf(rule.channel, (event) => event.channel),
  account: (rule) => oneOf(rule.account, (event) => event.accountId),
  chatType: (rule) => oneOf(rule.chatType, (event) => event.chatType),
  channelIds: (rule) => oneOf(rule.channelIds, (event) => event.channelId),
  guildIds: (rule) => oneOf(rule.guildIds, (event) => event.guildId),
  userId: (rule) => anyOf(rule.userId, (event) => [event.userId, ...(event.userAliases ?? [])]),
  metadataMatch: (rule) => {
    const tests = Object.entries(rule.metadataMatch ?? {}).map(([path, wanted]) =>
      oneOf(wanted, (event) => valueAt(event.metadata, path)),
    );
    return (event) => tests.every((test) => test(event));
  },
  sourceIdPattern: (rule) => found(rule.sourceIdPattern, (event) => event.channelId),
  contentPattern: (rule) => found(rule.contentPattern, (event) => event.content),
} as const satisfies Readonly<Partial<Record<keyof RuleFields, (rule: RuleFields) => Test>>>;

/** The names of a rule's conditions. */
const conditionNames = Object.keys(makers) as readonly (keyof typeof makers)[];

/** Makes a rule ready. Throws an `Error` when one of its patterns cannot be used. */
export function compileRule(name: string, rule: RuleFields): CompiledRule {
  const tests = conditionNames
    .filter((condition) => rule[condition] !== undefined)
    .map((condition) => [condition, makers[condition](rule)] as const);
  return {
    name,
    priority: rule.priority,
    target: targetOfRule(rule),
    failing: (event) => tests.find(([, holds]) => !holds(event))?.[0],
  };
}
