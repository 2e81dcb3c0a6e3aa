import { AppError, type Logger } from '../../base/index.ts';
import {
  defaultTargetOf,
  type ChannelDefinition,
  type RouteDefinition,
  type RoutingDefaults,
  type RunTarget,
} from '../../protocol/index.ts';
import { compileRule, targetOfRule, type CompiledRule } from './compile-rule.ts';
import type { ConsideredRule, RouteDecision, RoutedEvent, RouteExplanation } from './routed-event.ts';

/** What the router goes by. */
export interface RoutingTable {
  readonly routes: readonly RouteDefinition[];
  readonly channels: readonly ChannelDefinition[];
  readonly defaults?: RoutingDefaults;
  /** What answers where nothing else says so. */
  readonly defaultAgent?: string | undefined;
}

/** Says what answers an event: explicit target, rules by priority, default of the source, default of the project. */
export interface EventRouter {
  /** `channel` is the definition it came through, instead of the one of `event.channel`'s name. Error: `not_found` when nothing is to answer. */
  decide(event: RoutedEvent, channel?: ChannelDefinition): RouteDecision;
  /** The same with every rule that was looked at. */
  explain(event: RoutedEvent, channel?: ChannelDefinition): RouteExplanation;
  /** From now on these hold. */
  apply(table: RoutingTable): void;
}

/** A rule with a pattern that cannot be used fits nothing; `validate` names it. */
function compiled(name: string, rule: Parameters<typeof compileRule>[1], logger: Logger): CompiledRule[] {
  try {
    return [compileRule(name, rule)];
  } catch (error) {
    logger.error({ rule: name, reason: (error as Error).message }, 'a routing rule is left out');
    return [];
  }
}

/** Rules of one priority stay in their order. */
function byPriority(rules: readonly CompiledRule[]): readonly CompiledRule[] {
  return rules.toSorted((one, two) => two.priority - one.priority);
}

class TableRouter implements EventRouter {
  readonly #logger: Logger;
  #ofChannel = new WeakMap<ChannelDefinition, readonly CompiledRule[]>();
  #shared: readonly CompiledRule[] = [];
  #channels = new Map<string, ChannelDefinition>();
  #sources = new Map<string, RunTarget>();
  #fallback: RunTarget | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  apply({ routes, channels, defaults, defaultAgent }: RoutingTable): void {
    const named = routes
      .filter(({ spec }) => spec.enabled)
      .toSorted((one, two) => (one.metadata.name < two.metadata.name ? -1 : 1));
    this.#shared = byPriority(
      named.flatMap(({ metadata, spec }) => compiled(metadata.name, spec, this.#logger)),
    );
    this.#ofChannel = new WeakMap();
    this.#channels = new Map(channels.map((channel) => [channel.metadata.name, channel]));
    this.#sources = new Map((defaults?.sources ?? []).map((rule) => [rule.source, targetOfRule(rule)]));
    this.#fallback =
      defaults?.default === undefined
        ? defaultAgent === undefined
          ? undefined
          : { kind: 'agent', name: defaultAgent }
        : targetOfRule(defaults.default);
  }

  decide(event: RoutedEvent, given?: ChannelDefinition): RouteDecision {
    if (event.target !== undefined) return { target: event.target, reason: 'explicit' };
    const channel = this.#channelOf(event, given);
    const rule = this.#rulesFor(channel).find((one) => one.failing(event) === undefined);
    return rule === undefined
      ? this.#byDefault(event, channel)
      : { target: rule.target, reason: 'rule', rule: rule.name };
  }

  explain(event: RoutedEvent, given?: ChannelDefinition): RouteExplanation {
    const channel = this.#channelOf(event, given);
    let isOpen = event.target === undefined;
    let chosen: RouteDecision | undefined =
      event.target === undefined ? undefined : { target: event.target, reason: 'explicit' };
    const considered = this.#rulesFor(channel).map((rule): ConsideredRule => {
      const shown = { rule: rule.name, priority: rule.priority, target: rule.target };
      if (!isOpen) return { ...shown, outcome: 'not-reached' };
      const failed = rule.failing(event);
      if (failed !== undefined) return { ...shown, outcome: 'no-match', failed };
      isOpen = false;
      chosen = { target: rule.target, reason: 'rule', rule: rule.name };
      return { ...shown, outcome: 'chosen' };
    });
    return { ...(chosen ?? this.#byDefault(event, channel)), considered };
  }

  #channelOf(event: RoutedEvent, given: ChannelDefinition | undefined): ChannelDefinition | undefined {
    return given ?? (event.channel === undefined ? undefined : this.#channels.get(event.channel));
  }

  /** By priority; among equals those of the channel first in their order, then the shared ones by name. */
  #rulesFor(channel: ChannelDefinition | undefined): readonly CompiledRule[] {
    if (channel === undefined || channel.spec.routes.length === 0) return this.#shared;
    const known = this.#ofChannel.get(channel);
    if (known !== undefined) return known;
    const own = channel.spec.routes.flatMap((rule) =>
      compiled(`${channel.metadata.name}/${rule.name}`, rule, this.#logger),
    );
    const all = byPriority([...own, ...this.#shared]);
    this.#ofChannel.set(channel, all);
    return all;
  }

  #byDefault(event: RoutedEvent, channel: ChannelDefinition | undefined): RouteDecision {
    if (channel !== undefined) {
      const target = defaultTargetOf(channel.spec);
      if (target !== undefined) return { target, reason: 'source-default' };
      throw new AppError('not_found', `channel "${channel.metadata.name}" names nothing that answers`);
    }
    const bySource = this.#sources.get(event.source);
    if (bySource !== undefined) return { target: bySource, reason: 'source-default' };
    if (this.#fallback !== undefined) return { target: this.#fallback, reason: 'default' };
    throw new AppError('not_found', `no rule fits, and there is no default for "${event.source}"`);
  }
}

/** A router without rules; `apply` brings them. */
export function createEventRouter({ logger }: { readonly logger: Logger }): EventRouter {
  return new TableRouter(logger);
}
