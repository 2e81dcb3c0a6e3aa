import { isJsonObject, type Json } from './json.ts';

/** Variables that `${NAME}` may take. */
export type Environment = Readonly<Record<string, string | undefined>>;

const reference = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** Puts variables in place of `${NAME}` in every text; names that are not set are added to `missing` and left as they are. */
export function resolveReferences(value: Json, environment: Environment, missing: Set<string>): Json {
  if (typeof value === 'string') {
    return value.replaceAll(reference, (whole, name: string) => {
      const found = environment[name];
      if (found === undefined || found === '') missing.add(name);
      return found ?? whole;
    });
  }
  if (Array.isArray(value))
    return (value as readonly Json[]).map((item) => resolveReferences(item, environment, missing));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      resolveReferences(inner ?? null, environment, missing),
    ]),
  );
}
