import { AppError, type Clock, type Json } from '../../base/index.ts';
import type { Scope, WorkflowDefinition } from '../../protocol/index.ts';
import type { DefinitionFault, DefinitionStore } from '../definitions/index.ts';
import type { Expressions } from '../expressions/index.ts';
import type { RunExecutor } from '../runs/index.ts';
import type { ActionRegistry } from './action-registry.ts';
import { executeWorkflow } from './execute-workflow.ts';
import { isDownstreamOf } from './is-downstream.ts';
import { planWorkflow, type WorkflowPlan } from './plan-workflow.ts';
import { compileWorkflow, type Program } from './program.ts';
import { isUndoKey } from './step-keys.ts';
import { acceptInputs } from './workflow-inputs.ts';

export interface WorkflowExecutorDeps {
  readonly workflows: Pick<DefinitionStore<'Workflow'>, 'get'>;
  readonly actions: ActionRegistry;
  readonly expressions: Expressions;
  readonly clock: Clock;
  /** What is wrong with a definition as things are now. */
  readonly faults: (scope: Scope, definition: WorkflowDefinition) => Promise<readonly DefinitionFault[]>;
}

function refuse(name: string, faults: readonly DefinitionFault[]): never {
  const issues = faults.map((fault) => ({ path: fault.path.join('.'), message: fault.message }));
  const words = issues.map((issue) => `${issue.path}: ${issue.message}`).join('; ');
  throw new AppError('invalid_definition', `workflow "${name}" cannot be run: ${words}`, {
    details: { issues },
  });
}

interface Prepared {
  readonly plan: WorkflowPlan;
  readonly program: Program;
}

/** A `RunExecutor` that also knows what a step of a run can have decided. */
export interface WorkflowExecutor extends RunExecutor {
  /** Can the step `key` have been decided by what the step `from` came to? */
  isDownstream(definition: Json, from: string, key: string): boolean;
}

/** Executes workflows: checked before a run is made of them, executed on the definition the run began with. */
export function createWorkflowExecutor(deps: WorkflowExecutorDeps): WorkflowExecutor {
  const prepared = new WeakMap<object, Prepared>();

  /** What is made of a definition; kept as long as the definition is. Error: `invalid_definition`. */
  function prepare(definition: WorkflowDefinition): Prepared {
    const known = prepared.get(definition);
    if (known !== undefined) return known;
    const { plan, faults } = planWorkflow(definition.spec, deps.expressions);
    if (faults.length > 0) refuse(definition.metadata.name, faults);
    const made = { plan, program: compileWorkflow(definition, plan, deps) };
    prepared.set(definition, made);
    return made;
  }

  return {
    async snapshot(scope, name) {
      const { definition, hash } = await deps.workflows.get(scope, name);
      const faults = await deps.faults(scope, definition);
      if (faults.length > 0) refuse(name, faults);
      return {
        hash,
        definition: definition as unknown as Json,
        timeoutMs: definition.spec.limits.timeout,
      };
    },
    accept(definition, input) {
      acceptInputs(definition as unknown as WorkflowDefinition, input);
    },
    limits(definition) {
      const { maxStateBytes } = (definition as unknown as WorkflowDefinition).spec.limits;
      return { maxStateBytes };
    },
    isDownstream(definition, from, key) {
      return isDownstreamOf(prepare(definition as unknown as WorkflowDefinition).plan, from, key);
    },
    isCompensation: isUndoKey,
    async execute(stored, context) {
      const definition = stored as unknown as WorkflowDefinition;
      const inputs = acceptInputs(definition, context.input);
      return executeWorkflow(prepare(definition).program, inputs, deps, context);
    },
  };
}
