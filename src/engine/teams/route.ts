import { AppError, isJsonObject, type Json, type JsonObject } from '../../base/index.ts';
import type { TeamOutput } from '../../protocol/index.ts';
import type { AgentRunner, Delegate } from '../agents/index.ts';
import { leadName, type TeamResult } from './coordinate.ts';
import { routeDuty } from './lead-prompts.ts';
import { memberInput } from './member-input.ts';
import { agentOutputOf, answerMessage } from './member-output.ts';
import { memberError, type TeamRun } from './team-run.ts';

type Choice = NonNullable<TeamOutput['team']['choice']>;

function choiceSchema(members: readonly Delegate[]): JsonObject {
  return {
    type: 'object',
    properties: {
      member: { type: 'string', enum: members.map((one) => one.label) },
      reason: { type: 'string', maxLength: 2000 },
    },
    required: ['member', 'reason'],
    additionalProperties: false,
  };
}

async function choose(run: TeamRun, runner: AgentRunner): Promise<{ member: Delegate; choice: Choice }> {
  const { snapshot, context, input, conversation, spec, spending } = run;
  const { members } = snapshot;
  const first = members[0] as Delegate;
  if (members.length === 1)
    return { member: first, choice: { chosen_by: 'only-member', reason: 'the team has one member' } };
  let object: Json | undefined;
  try {
    const { output } = await runner.run({
      agent: snapshot.lead,
      context,
      input,
      conversation,
      asker: leadName(run),
      lead: {
        instructions: spec.instructions,
        duty: () => routeDuty(snapshot),
        tools: () => [],
        // One choice, and one chance to mend it.
        limits: { maxSteps: 2 },
        spending,
        choice: choiceSchema(members),
      },
    });
    object = output.object;
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'output_invalid') throw error;
    context.logger.warn({ team: run.name, error }, 'no valid choice of a member; the first one answers');
    const reason = `${error.message}; the first member answers`;
    return { member: first, choice: { chosen_by: 'fallback', reason } };
  }
  const { member, reason } = (isJsonObject(object) ? object : {}) as { member: string; reason: string };
  return { member: run.member(member), choice: { chosen_by: 'lead', reason } };
}

/** route: the lead's model picks one member, whose answer is the team's. */
export async function route(run: TeamRun, runner: AgentRunner): Promise<TeamResult> {
  const { member, choice } = await choose(run, runner);
  const input = memberInput(run.input, run.conversation.messages, run.input.clientTools);
  const report = await run.ask(member, input, `member:${member.label}`);
  if (report.status !== 'completed') throw memberError(member, report);
  const output = agentOutputOf(report.output);
  return {
    output: { ...output, ...run.report({ answered_by: member.label, choice }) },
    messages: [...run.conversation.own, answerMessage(member.label, output)],
  };
}
