import { checkDefinition, type DefinitionFault } from '../engine/definitions/index.ts';
import { planWorkflow, toMermaid } from '../engine/workflows/index.ts';
import type { WorkflowTools } from '../entrypoints/http/index.ts';
import type { Scope, WorkflowDefinition } from '../protocol/index.ts';
import type { composeCatalogue } from './compose-catalogue.ts';

/** What is known of workflows without running them. */
export function createWorkflowTools(
  catalogue: Pick<
    Awaited<ReturnType<typeof composeCatalogue>>,
    'actions' | 'graphs' | 'checks' | 'expressions'
  >,
  faultsOf: (scope: Scope, definition: WorkflowDefinition) => Promise<readonly DefinitionFault[]>,
): WorkflowTools {
  return {
    actions: () => catalogue.actions.list(),
    async validate(scope, given) {
      const { definition, issues } = checkDefinition('Workflow', given, catalogue.checks.checks);
      if (definition === undefined) return issues;
      const faults = await faultsOf(scope, definition);
      return faults.map(({ path, message }) => ({ path: path.map(String).join('.'), message }));
    },
    graph: (definition) => catalogue.graphs.ofDefinition(definition),
    mermaid: ({ spec }) => toMermaid(planWorkflow(spec, catalogue.expressions).plan),
  };
}
