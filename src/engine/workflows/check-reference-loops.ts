import type { Definition, DefinitionKind, DefinitionOf, WorkflowStep } from '../../protocol/index.ts';
import type { DefinitionFault } from '../definitions/index.ts';
import { targetOfStep, type NamedTarget } from './check-targets.ts';

type Definitions = <K extends DefinitionKind>(kind: K) => readonly DefinitionOf<K>[];

/** What a list of steps starts in any case: not what a condition, a loop or a failure decides. */
function startedBySteps(
  steps: readonly WorkflowStep[],
  path: readonly PropertyKey[],
): readonly NamedTarget[] {
  const handlers = new Set(
    steps.flatMap((step) => (typeof step.onError === 'object' ? [step.onError.goto] : [])),
  );
  return steps.flatMap((step, index) => {
    const place = [...path, index];
    const { when, forEach, approval } = step;
    const certain = (when === undefined || when === true) && forEach === undefined && approval === undefined;
    if (!certain || handlers.has(step.id)) return [];
    // One branch or the other is done, but what both start is nothing that anybody writes.
    if (step.action === 'parallel_group') return startedBySteps(step.steps ?? [], [...place, 'steps']);
    return targetOfStep(step, place) ?? [];
  });
}

/** What a definition starts in any case, whatever a model or a person decides. */
function started(definition: Definition): readonly NamedTarget[] {
  if (definition.kind === 'Workflow') return startedBySteps(definition.spec.steps, ['spec', 'steps']);
  // Only where all members answer nobody picks.
  if (definition.kind !== 'Team' || definition.spec.mode !== 'collaborate') return [];
  return definition.spec.members.flatMap(({ team }, index): NamedTarget[] =>
    team === undefined ? [] : [{ kind: 'Team', name: team, path: ['spec', 'members', index, 'team'] }],
  );
}

/** A circle of definitions each of which starts the next in any case; told at the one whose name comes first. */
export function endlessLoop(definition: Definition, definitions: Definitions): DefinitionFault | undefined {
  if (definition.kind !== 'Workflow' && definition.kind !== 'Team') return undefined;
  const keyOf = (kind: string, name: string): string => `${kind} ${name}`;
  const byKey = new Map<string, Definition>();
  for (const one of [...definitions('Workflow'), ...definitions('Team')])
    byKey.set(keyOf(one.kind, one.metadata.name), one);
  const home = keyOf(definition.kind, definition.metadata.name);
  for (const first of started(definition)) {
    // Breadth first: the shortest circle, and no recursion.
    const from = new Map<string, string>([[keyOf(first.kind, first.name), home]]);
    const open = [keyOf(first.kind, first.name)];
    for (let at = open.shift(); at !== undefined; at = open.shift()) {
      if (at === home) {
        const way = [home];
        for (let back = from.get(home); back !== undefined && back !== home; back = from.get(back))
          way.unshift(back);
        if (way.some((one) => one < home)) break;
        const shown = [home, ...way].map((one) => one.slice(one.indexOf(' ') + 1)).join(' → ');
        return { path: first.path, message: `this has no end, each starts the next in any case: ${shown}` };
      }
      const next = byKey.get(at);
      for (const target of next === undefined ? [] : started(next)) {
        const key = keyOf(target.kind, target.name);
        if (from.has(key)) continue;
        from.set(key, at);
        open.push(key);
      }
    }
  }
  return undefined;
}
