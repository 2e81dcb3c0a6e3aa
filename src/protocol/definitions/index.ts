import { agentDefinition, type AgentDefinition } from './agent.ts';
import { channelDefinition, type ChannelDefinition } from './channel.ts';
import { modelRouterDefinition, type ModelRouterDefinition } from './models.ts';
import { projectDefinition, type ProjectDefinition } from './project.ts';
import { routeDefinition, type RouteDefinition } from './route.ts';
import { scheduleDefinition, type ScheduleDefinition } from './schedule.ts';
import { sensorDefinition, type SensorDefinition } from './sensor.ts';
import { teamDefinition, type TeamDefinition } from './team.ts';
import { workflowDefinition, type WorkflowDefinition } from './workflow.ts';

export * from './agent.ts';
export * from './approval.ts';
export { budgetSpec } from './budget.ts';
export * from './channel.ts';
export { deploymentSpec, modelName, splitModel, type DeploymentSpec } from './deployment.ts';
export * from './metadata.ts';
export type { ModelCacheSettings } from './model-cache.ts';
export type { GuardSetting, ModelGuardSettings, PiiKind } from './model-guards.ts';
export * from './model-limits.ts';
export * from './model-price.ts';
export * from './models.ts';
export * from './project.ts';
export { litellmStrategies, routerSpec, type RouterSpec } from './router.ts';
export * from './route.ts';
export * from './schedule.ts';
export * from './sensor.ts';
export * from './target.ts';
export * from './team.ts';
export * from './workflow.ts';

/** Every kind of definition file with its schema and its folder in a project. */
export const definitionKinds = {
  Agent: { schema: agentDefinition, folder: 'agents', legacyFolder: 'agent-definitions' },
  Team: { schema: teamDefinition, folder: 'teams', legacyFolder: undefined },
  Workflow: { schema: workflowDefinition, folder: 'workflows', legacyFolder: 'workflow-definitions' },
  Schedule: { schema: scheduleDefinition, folder: 'schedules', legacyFolder: undefined },
  Sensor: { schema: sensorDefinition, folder: 'sensors', legacyFolder: undefined },
  Channel: { schema: channelDefinition, folder: 'channels', legacyFolder: undefined },
  Route: { schema: routeDefinition, folder: 'routes', legacyFolder: undefined },
  ModelRouter: { schema: modelRouterDefinition, folder: 'models', legacyFolder: undefined },
  Project: { schema: projectDefinition, folder: undefined, legacyFolder: undefined },
} as const;

export type DefinitionKind = keyof typeof definitionKinds;
export type Definition =
  | AgentDefinition
  | TeamDefinition
  | WorkflowDefinition
  | ScheduleDefinition
  | SensorDefinition
  | ChannelDefinition
  | RouteDefinition
  | ModelRouterDefinition
  | ProjectDefinition;

/** The definition of one kind. */
export type DefinitionOf<K extends DefinitionKind> = Extract<Definition, { kind: K }>;
