export { createActionRegistry, type ActionRegistry } from './action-registry.ts';
export { createBuiltinActions, type BuiltinActionDeps } from './actions/index.ts';
export { createReferenceCheck, type ReferenceCheckDeps } from './check-references.ts';
export { createWorkflowCheck, type WorkflowCheckDeps } from './check-workflow.ts';
export type { CommandRules } from './command-rules.ts';
export {
  createWorkflowExecutor,
  type WorkflowExecutor,
  type WorkflowExecutorDeps,
} from './create-workflow-executor.ts';
export { defineDurableAction, defineGroupAction, defineStepAction } from './define-action.ts';
export { toMermaid, toTerminal } from './draw-workflow.ts';
export { executeWorkflow } from './execute-workflow.ts';
export { planWorkflow, type PlannedStep, type WorkflowPlan } from './plan-workflow.ts';
export { inputsSchema } from './ports-schema.ts';
export { compileWorkflow, type Program } from './program.ts';
export { createWorkflowGraphs } from './run-graph.ts';
export { createProcessRunner, type ProcessRunner } from './run-process.ts';
export type * from './workflow-action.ts';
export type { ExecutionDeps, ExpressionEngine } from './workflow-deps.ts';
