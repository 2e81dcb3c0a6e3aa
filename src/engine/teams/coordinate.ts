import { AppError } from '../../base/index.ts';
import type { ChatMessage, TeamOutput } from '../../protocol/index.ts';
import { createDelegateTools, type AgentRunner, type DurableTool, type LeadDuty } from '../agents/index.ts';
import { coordinateDuty } from './lead-prompts.ts';
import type { TeamRun } from './team-run.ts';

/** What a mode of teams comes to. */
export interface TeamResult {
  readonly output: TeamOutput;
  /** What joins the session's history. */
  readonly messages: readonly ChatMessage[];
}

/** Lets the lead work in the team's own run, with a tool for each member. */
export async function runLead(
  run: TeamRun,
  runner: AgentRunner,
  duty: {
    readonly describe: (memberTools: readonly DurableTool[]) => string;
    readonly prelude?: (memberTools: readonly DurableTool[]) => readonly ChatMessage[];
  },
): Promise<TeamResult> {
  const { snapshot, spec, context, input, conversation, spending } = run;
  const { limits } = snapshot.lead.spec;
  let memberTools: readonly DurableTool[] = [];
  const lead: LeadDuty = {
    instructions: spec.instructions,
    tools: (names) => {
      memberTools = createDelegateTools(snapshot.members, names, (member, given, key) =>
        run.ask(member, given, key),
      );
      return memberTools;
    },
    duty: () => duty.describe(memberTools),
    prelude: () => duty.prelude?.(memberTools) ?? [],
    limits: {
      maxSteps: spec.limits.maxRounds,
      maxToolCalls: limits.maxToolCalls + spec.limits.maxDelegations,
      parallelTools: spec.limits.parallel,
    },
    spending,
  };
  try {
    const { output, messages } = await runner.run({
      agent: snapshot.lead,
      context,
      input,
      conversation,
      asker: leadName(run),
      lead,
    });
    return { output: { ...output, ...run.report() }, messages };
  } catch (error) {
    if (error instanceof AppError && error.code === 'step_limit_reached')
      throw new AppError(
        'limit_exceeded',
        `the lead of team "${run.name}" gave no answer within ${spec.limits.maxRounds} turns (limits.maxRounds)`,
        { details: { limit: 'maxRounds', members: run.memberRuns } },
      );
    throw error;
  }
}

/** The lead as people read it who are asked for an approval. */
export function leadName({ name, snapshot }: TeamRun): string {
  return `Agent "${snapshot.lead.metadata.name}", lead of team "${name}",`;
}

/** coordinate: the lead gives work to members and merges what comes back. */
export function coordinate(run: TeamRun, runner: AgentRunner): Promise<TeamResult> {
  return runLead(run, runner, { describe: (tools) => coordinateDuty(run.snapshot, tools) });
}
