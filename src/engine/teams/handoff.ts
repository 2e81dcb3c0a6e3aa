import { AppError, type JsonObject } from '../../base/index.ts';
import { handoverLine, type AgentOutput, type ChatMessage, type ToolCall } from '../../protocol/index.ts';
import { clientToolsOf, quotedText, ToolNames, type Delegate } from '../agents/index.ts';
import { activeMember } from './active-member.ts';
import type { TeamResult } from './coordinate.ts';
import { HandoverPath } from './handover-path.ts';
import { handoffDuty } from './lead-prompts.ts';
import { memberInput } from './member-input.ts';
import { agentOutputOf, answerMessage } from './member-output.ts';
import { memberError, type TeamRun } from './team-run.ts';

interface Handover {
  readonly to: Delegate;
  readonly reason: string;
  readonly context: string;
}

const parameters: JsonObject = {
  type: 'object',
  properties: {
    reason: { type: 'string', description: 'Why that member is the right one.' },
    context: { type: 'string', description: 'What that member has to know beyond the conversation.' },
  },
  required: ['reason'],
  additionalProperties: false,
};

/** The tools with which a member passes control on, by name; none has the name of a function of the caller. */
function transferTools(run: TeamRun, active: Delegate): ReadonlyMap<string, Delegate> {
  const names = new ToolNames(clientToolsOf(run.input.clientTools ?? []).map((tool) => tool.name));
  return new Map(
    run.snapshot.members
      .filter((one) => one.label !== active.label)
      .map((one) => [names.take(`transfer_to_${one.label}`), one]),
  );
}

function declared(tools: ReadonlyMap<string, Delegate>): readonly JsonObject[] {
  return [...tools].map(([name, { label, description }]) => ({
    type: 'function',
    function: {
      name,
      description: `Hands the conversation over to ${label}${description === '' ? '.' : `: ${description}`}`,
      parameters,
    },
  }));
}

function handoverOf(
  tools: ReadonlyMap<string, Delegate>,
  calls: readonly ToolCall[] | undefined,
): Handover | undefined {
  for (const call of calls ?? []) {
    const to = tools.get(call.name);
    const said = (name: string): string => {
      const value = call.arguments[name];
      return typeof value === 'string' ? value.trim() : '';
    };
    if (to !== undefined) return { to, reason: said('reason'), context: said('context') };
  }
  return undefined;
}

/** What the next member reads of a hand-over: an assistant's note with the members' words quoted. */
function noteOf(from: Delegate, { to, reason, context }: Handover, { text }: AgentOutput): ChatMessage {
  const parts = [
    handoverLine(from.label, to.label),
    ...(reason === '' ? [] : ['Reason:', quotedText(reason)]),
    ...(context === '' ? [] : ['Context:', quotedText(context)]),
    ...(text.trim() === '' ? [] : ['Said before:', quotedText(text.trim())]),
  ];
  return { role: 'assistant', name: from.label, content: parts.join('\n') };
}

/** The conversation for the member in control: notes stand before the user's message, which stays the last word. */
function conversationFor(
  run: TeamRun,
  active: Delegate,
  notes: readonly ChatMessage[],
): readonly ChatMessage[] {
  const { messages } = run.conversation;
  const last = messages.findLastIndex((message) => message.role === 'user');
  return [
    { role: 'system', content: handoffDuty(run.snapshot, active) },
    ...messages.slice(0, Math.max(0, last)),
    ...notes,
    ...messages.slice(Math.max(0, last)),
  ];
}

/** handoff: one member has control and answers, or passes it on with what the next one has to know. */
export async function handoff(run: TeamRun): Promise<TeamResult> {
  let active = await activeMember(run);
  const path = new HandoverPath(run.name, active.label, run.spec.limits.maxRounds);
  const notes: ChatMessage[] = [];
  for (let turn = 1; ; turn += 1) {
    run.spending.check();
    const tools = transferTools(run, active);
    const report = await run.ask(
      active,
      memberInput(run.input, conversationFor(run, active, notes), [
        ...declared(tools),
        ...(run.input.clientTools ?? []),
      ]),
      `turn:${turn}:${active.label}`,
    );
    if (report.status !== 'completed') throw withPath(memberError(active, report), path);
    const output = agentOutputOf(report.output);
    const handover = handoverOf(tools, output.toolCalls);
    if (handover === undefined)
      return {
        output: { ...output, ...run.report({ answered_by: active.label, path: path.names }) },
        messages: [...run.conversation.own, ...notes, answerMessage(active.label, output)],
      };
    path.pass(handover.to.label, `${handover.context} ${output.text}`);
    notes.push(noteOf(active, handover, output));
    active = handover.to;
  }
}

function withPath(error: AppError, path: HandoverPath): AppError {
  if (path.names.length === 1) return error;
  return new AppError(error.code, `${error.message} (control went ${path.shown})`, {
    retryable: error.retryable,
    details: { ...error.details, handovers: path.names },
  });
}
