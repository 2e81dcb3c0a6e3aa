import { isJsonObject, type Json, type JsonObject } from '../../../../base/index.ts';
import { litellmStrategies, routerSpec, type RouterSpec } from '../../../../protocol/index.ts';
import type { ListedAlias } from '../model-list-part.ts';
import type { Fields } from './litellm-fields.ts';

/** `router_settings` and `litellm_settings` as our own router would say it. */
export interface ReadRouter {
  readonly router: RouterSpec;
  readonly aliases: ReadonlyMap<string, ListedAlias>;
}

const strategies: Readonly<Record<string, string>> = {
  ...litellmStrategies,
  'least-busy': 'least-busy',
};

/** Words of LiteLLM for a class of errors → ours: `RateLimitErrorRetries` → `RateLimit`. */
function policy(fields: Fields | undefined, ending: string): JsonObject | undefined {
  if (fields === undefined) return undefined;
  const found: Record<string, number> = {};
  for (const key of fields.keys) {
    const name = key.endsWith(ending) ? key.slice(0, -ending.length).replace(/Error$/, '') : key;
    const count = fields.integer(key);
    if (count === undefined) continue;
    const isKnown = routerSpec.safeParse({
      [ending === 'Retries' ? 'retryPolicy' : 'allowedFailsPolicy']: { [name]: count },
    });
    if (isKnown.success) found[name] = count;
    else fields.note(key, `${key} is not used`);
  }
  return found;
}

/** What is left of a fallback: connections of its own cannot be given to it. */
const connection =
  /^(?:api_|aws_|vertex_|azure_|base_url$|custom_llm_provider$|organization$|extra_headers$)|key$|token$|secret$/;

function targets(value: Json | undefined, place: Fields, key: string): JsonObject[] {
  const list = Array.isArray(value) ? (value as readonly Json[]) : value === undefined ? [] : [value];
  return list.flatMap((one): JsonObject[] => {
    if (typeof one === 'string' && one !== '') return [{ model: one, params: {} }];
    if (isJsonObject(one) && typeof one['model'] === 'string') {
      const { model, ...rest } = one;
      const params = Object.fromEntries(Object.entries(rest).filter(([name]) => !connection.test(name)));
      const dropped = Object.keys(rest).filter((name) => connection.test(name));
      if (dropped.length > 0)
        place.note(
          key,
          `${key}: ${dropped.join(', ')} of a fallback are not used; make it an entry of model_list`,
        );
      return [{ model: model, params }];
    }
    place.note(key, `${key}: what is neither a name nor a map with "model" is not used`);
    return [];
  });
}

/** `[{chat: [backup]}]`, or the map itself, as one map. */
function fallbacks(place: Fields | undefined, key: string): Record<string, JsonObject[]> | undefined {
  const value = place?.take(key);
  if (place === undefined || value === undefined) return undefined;
  const found: Record<string, JsonObject[]> = {};
  for (const map of Array.isArray(value) ? (value as readonly Json[]) : [value]) {
    if (!isJsonObject(map)) {
      place.note(key, `${key}: expected maps such as {chat: [backup]}`);
      continue;
    }
    for (const [name, list] of Object.entries(map)) {
      if (Object.hasOwn(found, name))
        place.note(key, `${key}: "${name}" stands here twice; the last one counts`);
      found[name] = targets(list, place, key);
    }
  }
  return found;
}

function groupPolicies(fields: Fields | undefined): Record<string, JsonObject> | undefined {
  if (fields === undefined) return undefined;
  return Object.fromEntries(
    fields.keys.flatMap((name) => {
      const found = policy(fields.map(name), 'Retries');
      return found === undefined ? [] : [[name, found]];
    }),
  );
}

function aliasesOf(router: Fields | undefined, settings: Fields | undefined): Map<string, ListedAlias> {
  const aliases = new Map<string, ListedAlias>();
  for (const map of [settings?.map('model_alias_map'), router?.map('model_group_alias')])
    for (const name of map?.keys ?? []) {
      const value = map?.take(name);
      const target = isJsonObject(value) ? value['model'] : value;
      if (map === undefined || typeof target !== 'string' || target === '') {
        map?.note(name, `the alias "${name}" is not used: expected a name`);
        continue;
      }
      if (isJsonObject(value) && value['hidden'] === true)
        map.note(name, `"hidden" of the alias "${name}" is not used`);
      aliases.set(name, { target, at: map.at([name]) });
    }
  return aliases;
}

function strategyOf(router: Fields | undefined): string | undefined {
  const written = router?.plainText('routing_strategy');
  if (written === undefined) return undefined;
  const strategy = Object.hasOwn(strategies, written) ? strategies[written] : undefined;
  if (strategy === undefined)
    router?.note('routing_strategy', `the strategy "${written}" is not known here; weighted-shuffle is used`);
  return strategy;
}

/** Reads both sections; what `router_settings` says stands above `litellm_settings`, as in LiteLLM. */
export function readRouter(router: Fields | undefined, settings: Fields | undefined): ReadRouter {
  const either = <T>(read: (fields: Fields) => T | undefined): T | undefined => {
    const first = router === undefined ? undefined : read(router);
    const second = settings === undefined ? undefined : read(settings);
    return first ?? second;
  };
  const matchAny = router?.boolean('tag_filtering_match_any');
  const defaults = either((fields) => fields.take('default_fallbacks'));
  const spec = {
    strategy: strategyOf(router),
    retries: either((fields) => fields.integer('num_retries')) ?? router?.integer('max_retries'),
    retryPolicy: policy(router?.map('retry_policy'), 'Retries'),
    groupRetryPolicies: groupPolicies(router?.map('model_group_retry_policy')),
    allowedFails: either((fields) => fields.integer('allowed_fails')),
    allowedFailsPolicy: policy(router?.map('allowed_fails_policy'), 'AllowedFails'),
    cooldown: either((fields) => fields.seconds('cooldown_time')),
    disableCooldowns: router?.boolean('disable_cooldowns'),
    retryAfter: router?.seconds('retry_after'),
    fallbacks: fallbacks(router, 'fallbacks') ?? fallbacks(settings, 'fallbacks'),
    contextWindowFallbacks:
      fallbacks(router, 'context_window_fallbacks') ?? fallbacks(settings, 'context_window_fallbacks'),
    contentPolicyFallbacks:
      fallbacks(router, 'content_policy_fallbacks') ?? fallbacks(settings, 'content_policy_fallbacks'),
    defaultFallbacks:
      defaults === undefined
        ? undefined
        : targets(defaults, router ?? (settings as Fields), 'default_fallbacks'),
    maxFallbacks: router?.integer('max_fallbacks'),
    preCallChecks: router?.boolean('enable_pre_call_checks'),
    tagFiltering: router?.boolean('enable_tag_filtering'),
    tagMatch: matchAny === undefined ? undefined : matchAny ? 'any' : 'all',
    tagFailOpen: router?.boolean('allow_fail_open'),
  };
  settings?.skip('fallbacks', 'context_window_fallbacks', 'content_policy_fallbacks', 'max_retries');
  router?.skip('max_retries');
  const present = Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== undefined));
  const aliases = aliasesOf(router, settings);
  const checked = routerSpec.safeParse(present);
  if (checked.success) return { router: checked.data, aliases };
  // One field that does not fit takes no other with it.
  const fitting = Object.entries(present).filter(([field, value]) => {
    const one = routerSpec.safeParse({ [field]: value });
    if (!one.success)
      (router ?? settings)?.note(
        undefined,
        `${field} is not used: ${one.error.issues[0]?.message ?? 'not accepted'}`,
      );
    return one.success;
  });
  return { router: routerSpec.parse(Object.fromEntries(fitting)), aliases };
}
