import { AppError } from '../../base/index.ts';
import type { LimitValues } from '../../protocol/index.ts';
import type { CallerAttributes, KnownCallers } from './caller-directory.ts';
import type { CallerLimit, ModelCaller } from './caller.ts';
import { effectiveLimits } from './effective-limits.ts';
import type { LimitSource } from './limit-source.ts';
import type { StoredLimits } from './stored-limits.ts';

const mostKnown = 10_000;
const none: readonly CallerLimit[] = [];

/** The user for whom a call is made: the one of the key, else the one the request names, else who calls without a key. */
function userOf(caller: ModelCaller, attributes: CallerAttributes): string | undefined {
  const { principal } = caller.scope;
  if (attributes.user !== undefined) return attributes.user;
  if (caller.user !== undefined) return caller.user;
  if (principal.startsWith('key:') || principal === 'system') return undefined;
  return principal.startsWith('user:') ? principal.slice('user:'.length) : principal;
}

/** Everybody whose limits hold for a call, each with another name where it has one. */
function subjectsOf(
  caller: ModelCaller,
  attributes: CallerAttributes,
): readonly (readonly [string, string?])[] {
  const { principal } = caller.scope;
  const user = userOf(caller, attributes);
  const tags = new Set([...(caller.tags ?? []), ...attributes.tags]);
  return [
    ['tenant'],
    ...(principal.startsWith('key:')
      ? [
          attributes.name === undefined
            ? ([principal] as const)
            : ([principal, `key:${attributes.name}`] as const),
        ]
      : []),
    ...(user === undefined ? [] : [[`user:${user}`] as const]),
    ...(attributes.team === undefined ? [] : [[`team:${attributes.team}`] as const]),
    ...(caller.agent === undefined ? [] : [[`agent:${caller.agent}`] as const]),
    ...[...tags].map((tag) => [`tag:${tag}`] as const),
    ...(caller.runId === undefined ? [] : [[`run:${caller.runId}`] as const]),
  ];
}

/**
 * Limits of a caller from the project's file and from the store. All subjects of a caller hold together. Error:
 * `not_ready` for an API key of which `CallerDirectory.attributesOf` was not asked before: nobody knows its limits then.
 */
export function createLimitSource(deps: {
  readonly stored: StoredLimits;
  readonly file: () => ReadonlyMap<string, LimitValues>;
  readonly callers: KnownCallers;
}): LimitSource {
  const { stored, file, callers } = deps;
  const known = new Map<string, readonly CallerLimit[]>();
  let knownVersion = -1;
  let knownFile: ReadonlyMap<string, LimitValues> | undefined;

  const attributesOf = (caller: ModelCaller): CallerAttributes => {
    const attributes = callers.known(caller.scope);
    if (attributes === undefined)
      throw new AppError('not_ready', 'the limits of the API key are not known yet');
    return attributes;
  };

  const choose = (
    caller: ModelCaller,
    fromFile: ReadonlyMap<string, LimitValues>,
  ): readonly CallerLimit[] => {
    const ofTenant = stored.of(caller.scope.tenant);
    const tables = { stored: { get: (subject: string) => ofTenant.get(subject)?.values }, file: fromFile };
    const limits = subjectsOf(caller, attributesOf(caller)).flatMap(
      ([subject, alias]): readonly CallerLimit[] => {
        const found = effectiveLimits(subject, tables, alias);
        if (found === undefined) return [];
        // A budget that the run brings with it is counted apart: both hold.
        const isBrought = caller.limits?.some((own) => own.subject === subject) === true;
        return [{ subject: isBrought ? `${subject}/all` : subject, limits: found }];
      },
    );
    return limits.length === 0 ? none : limits;
  };

  return {
    limitsOf(caller) {
      const fromFile = file();
      if (stored.version !== knownVersion || fromFile !== knownFile) {
        known.clear();
        knownVersion = stored.version;
        knownFile = fromFile;
      }
      if (fromFile.size === 0 && stored.of(caller.scope.tenant).size === 0) return none;
      const { scope, user, agent, tags, runId } = caller;
      const name = JSON.stringify([
        scope.tenant,
        scope.principal,
        user,
        agent,
        runId,
        tags,
        caller.limits?.map(({ subject }) => subject),
      ]);
      const before = known.get(name);
      if (before !== undefined) return before;
      const limits = choose(caller, fromFile);
      if (known.size >= mostKnown) known.clear();
      known.set(name, limits);
      return limits;
    },
    teamOf: (caller) => callers.known(caller.scope)?.team,
  };
}
