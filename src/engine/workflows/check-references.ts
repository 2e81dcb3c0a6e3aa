import { didYouMean, isJsonObject } from '../../base/index.ts';
import type { DefinitionKind } from '../../protocol/index.ts';
import type { DefinitionFault, ReferenceCheck } from '../definitions/index.ts';
import { everyStep, isWritten, targetsOf } from './check-targets.ts';
import { checkWorkflowInputs } from './check-workflow.ts';
import { endlessLoop } from './check-reference-loops.ts';

export interface ReferenceCheckDeps {
  /** Names of all tools, for `call_tool`; `undefined` where they are not known. */
  readonly tools: () => readonly string[] | undefined;
}

const mostHints = 50;

/** Names that nothing in the project has, calls of workflows that do not fit what they take, and definitions that start each other for ever. */
export function createReferenceCheck(deps: ReferenceCheckDeps): ReferenceCheck {
  return (definition, names, definitions) => {
    const faults: DefinitionFault[] = [];
    const known = new Map<DefinitionKind, ReadonlySet<string>>();
    const namesOf = (kind: DefinitionKind): ReadonlySet<string> => {
      const made = known.get(kind) ?? new Set(names(kind));
      known.set(kind, made);
      return made;
    };
    for (const { kind, name, path } of targetsOf(definition)) {
      if (namesOf(kind).has(name)) continue;
      const hint = faults.length < mostHints ? didYouMean(name, [...namesOf(kind)]) : '';
      faults.push({ path, message: `there is no ${kind.toLowerCase()} "${name}"${hint}` });
    }
    if (definition.kind === 'Workflow') {
      const tools = deps.tools();
      for (const { step, path } of everyStep(definition.spec.steps, ['spec', 'steps'])) {
        const { tool, workflow, inputs } = step.inputs;
        if (step.action === 'call_tool' && isWritten(tool) && tools?.includes(tool) === false)
          faults.push({
            path: [...path, 'inputs', 'tool'],
            message: `there is no tool "${tool}"${didYouMean(tool, tools)}`,
          });
        if (step.action !== 'run_workflow' || !isWritten(workflow)) continue;
        const called = definitions('Workflow').find((one) => one.metadata.name === workflow);
        const given = inputs ?? {};
        if (called !== undefined && isJsonObject(given))
          faults.push(...checkWorkflowInputs(called.spec, given, [...path, 'inputs', 'inputs']));
      }
    }
    const loop = endlessLoop(definition, definitions);
    return loop === undefined ? faults : [...faults, loop];
  };
}
