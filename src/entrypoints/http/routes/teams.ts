import { z } from 'zod';
import type { HttpApp, RouteDeps } from '../http-deps.ts';
import { teamAnswer } from '../run-answer.ts';
import { callTeam } from '../run-door.ts';
import { addCallRoutes } from './agent-call.ts';
import { addDefinitionRoutes, definitionSummary, wireDefinition } from './definition-routes.ts';

const prefix = '/api/v1/teams';
const wireTeam = wireDefinition
  .extend({
    mode: z.enum(['coordinate', 'route', 'collaborate', 'handoff']),
    lead: z.string().nullable().describe('Agent that leads; null: a plain one.'),
    members: z.array(
      z.object({
        name: z.string().describe('What the team calls it.'),
        agent: z.string().optional(),
        team: z.string().optional(),
      }),
    ),
  })
  .meta({ id: 'Team' });

/** Teams: definitions, and calls like those of agents. */
export function addTeamRoutes(app: HttpApp, deps: RouteDeps): void {
  addDefinitionRoutes(app, {
    kind: 'Team',
    prefix,
    singular: 'a team',
    plural: 'teams',
    store: deps.teams,
    warnings: (scope, { definition }) => deps.definitionWarnings(scope, definition),
    read: 'teams:read',
    write: 'teams:write',
    summary: wireTeam,
    summaryOf: (stored) => {
      const { mode, lead, members } = stored.definition.spec;
      return {
        ...definitionSummary(stored),
        mode,
        lead: lead ?? null,
        members: members.map(({ name, agent, team }) => ({
          name,
          ...(agent === undefined ? {} : { agent }),
          ...(team === undefined ? {} : { team }),
        })),
      };
    },
  });

  addCallRoutes(app, {
    prefix,
    noun: 'team',
    scope: 'teams:invoke',
    answer: teamAnswer,
    call: (request, reply, team, call) => callTeam(deps, request, reply, { ...call, team }),
  });
}
