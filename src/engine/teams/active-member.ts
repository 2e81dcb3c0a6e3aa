import type { Delegate } from '../agents/index.ts';
import type { TeamRun } from './team-run.ts';

/** Enough for one very long answer at the end of a session. */
const mostTokens = 1_000_000;

/**
 * The member that begins: in a session the one that answered last, else the lead, else the first. Who answered is the
 * name of the session's last answer.
 */
export async function activeMember(run: TeamRun): Promise<Delegate> {
  const { members, lead } = { members: run.snapshot.members, lead: run.spec.lead };
  const fallback = (lead === undefined ? undefined : members.find((one) => one.label === lead)) ?? members[0];
  let past = run.conversation.messages.slice(0, -1);
  // A last answer beyond the budget of the history leaves it empty, and still says who gave it.
  if (past.length === 0 && run.input.messages === undefined)
    past = [...(await run.context.history(mostTokens))];
  const last = past.findLast((message) => message.role === 'assistant');
  const remembered = last?.name === undefined ? undefined : members.find((one) => one.label === last.name);
  return (remembered ?? fallback) as Delegate;
}
