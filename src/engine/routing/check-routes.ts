import type { DefinitionCheck, DefinitionFault } from '../definitions/index.ts';
import { compileSafePattern } from './safe-pattern.ts';

function patternFaults(patterns: Readonly<Record<string, unknown>>, path: readonly PropertyKey[]) {
  return Object.entries(patterns).flatMap(([field, pattern]): readonly DefinitionFault[] => {
    if (typeof pattern !== 'string') return [];
    try {
      compileSafePattern(pattern);
      return [];
    } catch (error) {
      return [{ path: [...path, field], message: (error as Error).message }];
    }
  });
}

const patternsOf = (rule: { contentPattern?: string | undefined; sourceIdPattern?: string | undefined }) => ({
  contentPattern: rule.contentPattern,
  sourceIdPattern: rule.sourceIdPattern,
});

/** Finds regular expressions that cannot be used, and rules of a channel that share a name. */
export const checkRoutes: DefinitionCheck = (definition) => {
  if (definition.kind === 'Route') return patternFaults(patternsOf(definition.spec), ['spec']);
  if (definition.kind !== 'Channel') return [];
  const { routes, access } = definition.spec;
  const names = routes.map((rule) => rule.name);
  return [
    ...patternFaults(Object.fromEntries(access.mentionPatterns.entries()), [
      'spec',
      'access',
      'mentionPatterns',
    ]),
    ...routes.flatMap((rule, index) => {
      const path = ['spec', 'routes', index];
      const isTwice = names.indexOf(rule.name) < index;
      return [
        ...(isTwice ? [{ path: [...path, 'name'], message: 'another rule has this name' }] : []),
        ...patternFaults(patternsOf(rule), path),
      ];
    }),
  ];
};
