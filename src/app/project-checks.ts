import type { ToolRegistry } from '../capabilities/tools/index.ts';
import { builtinSensorConfigs, checkSchedule, checkSensor } from '../engine/automation/index.ts';
import type { DefinitionCheck, ReferenceCheck } from '../engine/definitions/index.ts';
import type { Expressions } from '../engine/expressions/index.ts';
import { checkRoutes } from '../engine/routing/index.ts';
import { createWebhookCheck } from '../entrypoints/channels/index.ts';
import { createReferenceCheck, createWorkflowCheck, type ActionRegistry } from '../engine/workflows/index.ts';

/** What is looked for in definitions beyond their schemas. */
export interface ProjectChecks {
  readonly checks: readonly DefinitionCheck[];
  readonly references: readonly ReferenceCheck[];
}

/** The checks of every kind, as the server and `agent33 validate` run them. */
export function createProjectChecks(catalogue: {
  readonly expressions: Expressions;
  readonly actions: ActionRegistry;
  readonly tools: ToolRegistry;
}): ProjectChecks {
  const { tools } = catalogue;
  return {
    checks: [
      createWorkflowCheck(catalogue),
      checkSchedule,
      checkRoutes,
      createWebhookCheck(catalogue),
      checkSensor(() => builtinSensorConfigs),
    ],
    references: [createReferenceCheck({ tools: () => tools.listAll().map((tool) => tool.name) })],
  };
}
