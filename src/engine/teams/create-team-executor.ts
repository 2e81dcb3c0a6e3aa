import { AppError, type Json } from '../../base/index.ts';
import type { TeamSpec } from '../../protocol/index.ts';
import { agentInputOf, conversationOf, withModel, type AgentRunner } from '../agents/index.ts';
import type { RunExecutor } from '../runs/index.ts';
import { collaborate } from './collaborate.ts';
import { coordinate, type TeamResult } from './coordinate.ts';
import { handoff } from './handoff.ts';
import { route } from './route.ts';
import { TeamRun } from './team-run.ts';
import { isDownstreamOfTeam } from './team-steps.ts';
import { snapshotTeam, type TeamSnapshot, type TeamSnapshotDeps } from './team-snapshot.ts';

export interface TeamExecutorDeps extends TeamSnapshotDeps {
  readonly runner: AgentRunner;
}

const modes: Readonly<Record<TeamSpec['mode'], (run: TeamRun, runner: AgentRunner) => Promise<TeamResult>>> =
  { coordinate, route, collaborate, handoff };

/** Executes teams: the lead works in the team's own run, each member in a child run. Input and output are an agent's. */
export function createTeamExecutor(deps: TeamExecutorDeps): RunExecutor {
  return {
    isDownstream(stored, from, key) {
      return isDownstreamOfTeam((stored as unknown as TeamSnapshot).team.spec.mode, from, key);
    },

    withModel(stored, name) {
      const snapshot = stored as unknown as TeamSnapshot;
      const { team, lead } = snapshot;
      if (team.spec.mode === 'handoff')
        throw new AppError(
          'invalid_request',
          `model: team "${team.metadata.name}" hands over from member to member and has no lead; name a step of a member, such as turn:1:NAME/model:1`,
        );
      return { ...snapshot, lead: withModel(lead, name) } as unknown as Json;
    },

    async snapshot(scope, name) {
      const { hash, snapshot, timeoutMs } = await snapshotTeam(deps, scope, name);
      return { hash, definition: snapshot as unknown as Json, timeoutMs };
    },

    async execute(stored, context) {
      const snapshot = stored as unknown as TeamSnapshot;
      const input = agentInputOf(context.input);
      const { session } = snapshot.lead.spec.memory;
      const conversation = await conversationOf(context, input, session);
      const run = new TeamRun({ context, snapshot, input, conversation });
      const { output, messages } = await modes[run.spec.mode](run, deps.runner);
      return { output: output as unknown as Json, text: output.text, messages };
    },
  };
}
