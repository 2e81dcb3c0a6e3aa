import type { DefinitionKind, DefinitionOf } from '../../protocol/index.ts';
import { parseDefinitions, type DefinitionCheck } from './parse-definition.ts';

/** A fault of a definition that is no file; `path` is the place of the field, empty for the whole. */
export interface DefinitionIssue {
  readonly path: string;
  readonly message: string;
  readonly [key: string]: string;
}

/** A definition that came over the API, valid or with every fault. Environment variables are not for callers to read. */
export function checkDefinition<K extends DefinitionKind>(
  kind: K,
  given: unknown,
  checks: readonly DefinitionCheck[],
): { readonly definition: DefinitionOf<K> | undefined; readonly issues: readonly DefinitionIssue[] } {
  const { definitions, problems } = parseDefinitions('body', JSON.stringify(given ?? null), { checks });
  const [definition] = definitions;
  if (problems.length === 0 && definition?.kind === kind)
    return { definition: definition as DefinitionOf<K>, issues: [] };
  const issues = problems.map((problem) => ({ path: problem.field ?? '', message: problem.message }));
  if (definition !== undefined && definition.kind !== kind)
    issues.push({ path: 'kind', message: `expected "${kind}"` });
  if (issues.length === 0) issues.push({ path: '', message: `expected a definition of kind ${kind}` });
  return { definition: undefined, issues };
}
