import { definitionsOf, type LoadedProject } from '../engine/definitions/index.ts';
import type { RoutingTable } from '../engine/routing/index.ts';

/** What the router goes by in a project. */
export function routingOf(project: LoadedProject): RoutingTable {
  const { routing, defaultAgent } = project.project.spec;
  const agents = definitionsOf(project, 'Agent').map(({ definition }) => definition.metadata.name);
  return {
    routes: definitionsOf(project, 'Route').map(({ definition }) => definition),
    channels: definitionsOf(project, 'Channel').map(({ definition }) => definition),
    defaults: routing,
    defaultAgent: defaultAgent ?? agents.toSorted()[0],
  };
}
