import { z } from 'zod';
import type { StoredAgent } from '../../../engine/agents/index.ts';
import type { HttpApp, RouteDeps } from '../http-deps.ts';
import { runAnswer } from '../run-answer.ts';
import { callAgent } from '../run-door.ts';
import { addCallRoutes } from './agent-call.ts';
import { addDefinitionRoutes, definitionSummary, wireDefinition } from './definition-routes.ts';

const wireAgent = wireDefinition
  .extend({
    model: z.string().nullable().describe("null: the platform's default model."),
    tools: z.array(z.string()),
  })
  .meta({ id: 'Agent' });

function summaryOf(stored: StoredAgent): z.output<typeof wireAgent> {
  const { spec } = stored.definition;
  return {
    ...definitionSummary(stored),
    model: spec.model?.name ?? null,
    tools: spec.tools.map((tool) => tool.name),
  };
}

function addRoutesUnder(app: HttpApp, deps: RouteDeps, prefix: string, documented: boolean): void {
  const hide = !documented;

  addDefinitionRoutes(app, {
    kind: 'Agent',
    prefix,
    singular: 'an agent',
    plural: 'agents',
    store: deps.agents,
    warnings: (scope, { definition }) => deps.definitionWarnings(scope, definition),
    read: 'agents:read',
    write: 'agents:write',
    summary: wireAgent,
    summaryOf,
    hide,
  });

  addCallRoutes(app, {
    prefix,
    noun: 'agent',
    scope: 'agents:invoke',
    answer: runAnswer,
    hide,
    call: (request, reply, agent, call) => callAgent(deps, request, reply, { ...call, agent }),
  });
}

/** Agents, under `/api/v1/agents` and for older callers under `/api/agents`. */
export function addAgentRoutes(app: HttpApp, deps: RouteDeps): void {
  addRoutesUnder(app, deps, '/api/v1/agents', true);
  addRoutesUnder(app, deps, '/api/agents', false);
}
