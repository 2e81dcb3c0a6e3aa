import type { Json } from '../../base/index.ts';

/** What a path leads to, or how far it leads. */
export type Resolved =
  | { readonly found: true; readonly value: Json }
  | { readonly found: false; /** Steps that lead somewhere. */ readonly depth: number; readonly last: Json };

/** Follows a path by own properties and list elements only: nothing inherited can be reached. */
export function resolvePath(scope: Json, path: readonly string[]): Resolved {
  let value: Json = scope;
  for (const [depth, key] of path.entries()) {
    let next: Json | undefined;
    if (Array.isArray(value)) next = /^\d+$/.test(key) ? (value as readonly Json[])[Number(key)] : undefined;
    else if (typeof value === 'object' && value !== null && Object.hasOwn(value, key))
      next = (value as Readonly<Record<string, Json | undefined>>)[key];
    if (next === undefined) return { found: false, depth, last: value };
    value = next;
  }
  return { found: true, value };
}
