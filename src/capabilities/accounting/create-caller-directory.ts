import type { ApiKeyStore, KeyAttributes } from '../../platform/security/index.ts';
import type { Scope } from '../../protocol/index.ts';
import type { CallerAttributes, CallerDirectory, KnownCallers } from './caller-directory.ts';

const mostKnown = 10_000;
const nothing: CallerAttributes = { tags: [] };

function toAttributes({ name, team, user, tags, models }: KeyAttributes): CallerAttributes {
  return {
    name,
    tags,
    ...(team === null ? {} : { team }),
    ...(user === null ? {} : { user }),
    ...(models === null ? {} : { models }),
  };
}

/** Callers by what their API keys say. */
export function createCallerDirectory(deps: {
  readonly keys: Pick<ApiKeyStore, 'attributes'>;
}): CallerDirectory & KnownCallers {
  const known = new Map<string, CallerAttributes>();
  const isKey = ({ principal }: Pick<Scope, 'principal'>): boolean => principal.startsWith('key:');
  const nameOf = ({ tenant, principal }: Pick<Scope, 'tenant' | 'principal'>): string =>
    `${tenant}\n${principal}`;

  return {
    async attributesOf(scope) {
      if (!isKey(scope)) return nothing;
      const found = await deps.keys.attributes(scope);
      const attributes = found === undefined ? nothing : toAttributes(found);
      const name = nameOf(scope);
      known.delete(name);
      const oldest = known.keys().next().value;
      if (known.size >= mostKnown && oldest !== undefined) known.delete(oldest);
      known.set(name, attributes);
      return attributes;
    },
    known: (scope) => (isKey(scope) ? known.get(nameOf(scope)) : nothing),
  };
}
