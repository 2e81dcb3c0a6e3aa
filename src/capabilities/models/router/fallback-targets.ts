import type { JsonObject } from '../../../base/index.ts';
import type { ErrorClass, FallbackTarget, Fallbacks, RouterSettings } from './deployment.ts';
import type { RouteStep } from './dispatch.ts';

/** Where a call may go on, and why. */
export interface NextTarget {
  readonly target: FallbackTarget;
  readonly reason: RouteStep['reason'];
}

/** What is asked, in which form it is answered, and by which way: guards have seen the first, the caller waits for the others. */
const notForFallbacks = new Set([
  'model',
  'messages',
  'prompt',
  'input',
  'instructions',
  'system',
  'tools',
  'functions',
  'stream',
  'stream_options',
  'fallbacks',
  'num_retries',
  'timeout',
  'cache',
  'tags',
]);

/** Parameters of a fallback that stand above those of the request; `undefined` where there are none. */
export function overridesOf(params: JsonObject | undefined): JsonObject | undefined {
  const kept = Object.entries(params ?? {}).filter(([name]) => !notForFallbacks.has(name));
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

/** The entry of a group: by its name, else by its name without the provider, else `*`. */
function entryOf(fallbacks: Fallbacks, group: string): readonly FallbackTarget[] | undefined {
  const slash = group.indexOf('/');
  return (
    fallbacks.get(group) ??
    (slash < 0 ? undefined : fallbacks.get(group.slice(slash + 1))) ??
    fallbacks.get('*')
  );
}

const as =
  (reason: RouteStep['reason']) =>
  (target: FallbackTarget): NextTarget => ({ target, reason });

/** Has the group an entry for exactly this class of errors? Then the class is not worth a retry. */
export function hasOwnFallback(settings: RouterSettings, group: string, kind: ErrorClass): boolean {
  if (kind === 'ContextWindowExceeded') return entryOf(settings.contextWindowFallbacks, group) !== undefined;
  if (kind === 'ContentPolicyViolation') return entryOf(settings.contentPolicyFallbacks, group) !== undefined;
  return false;
}

/** Where a call of `group` goes on after an error, in order; the request's own targets come before. */
export function fallbackTargets(
  settings: RouterSettings,
  group: string,
  kind: ErrorClass | undefined,
): readonly NextTarget[] {
  const context =
    kind === 'ContextWindowExceeded' ? entryOf(settings.contextWindowFallbacks, group) : undefined;
  if (context !== undefined) return context.map(as('context-window-fallback'));
  const content =
    kind === 'ContentPolicyViolation' ? entryOf(settings.contentPolicyFallbacks, group) : undefined;
  if (content !== undefined) return content.map(as('content-policy-fallback'));
  const general = entryOf(settings.fallbacks, group);
  if (general !== undefined) return general.map(as('fallback'));
  return settings.defaultFallbacks.map(as('default-fallback'));
}
