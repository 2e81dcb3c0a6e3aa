import { resolveReferences, type Environment, type Json } from '../base/index.ts';
import type { LoadedProject } from '../engine/definitions/index.ts';
import { isSecretKey } from '../platform/observability/index.ts';

/** Values of the environment that must not leave with an export: those that definitions refer to, and those with telling names. */
export function secretsOf(
  environment: Environment,
  project: Pick<LoadedProject, 'definitions'>,
): readonly string[] {
  const referred = new Set<string>();
  resolveReferences(project.definitions as unknown as Json, {}, referred);
  return Object.entries(environment).flatMap(([name, value]) =>
    value !== undefined && (referred.has(name) || isSecretKey(name)) ? [value] : [],
  );
}
