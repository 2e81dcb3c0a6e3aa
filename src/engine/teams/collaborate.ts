import { AppError } from '../../base/index.ts';
import type { ChatMessage, TeamMemberRun, ToolCall } from '../../protocol/index.ts';
import { CallSlots, resultOfChild, type AgentRunner } from '../agents/index.ts';
import { runLead, type TeamResult } from './coordinate.ts';
import { synthesiseDuty } from './lead-prompts.ts';
import { memberInput } from './member-input.ts';
import type { TeamRun } from './team-run.ts';

type Answer = {
  readonly label: string;
  readonly result: ReturnType<typeof resultOfChild>;
  readonly code: string | undefined;
};

/** Asks all members, at most `parallel` side by side. Throws only when not one of them answered. */
async function askAll(run: TeamRun): Promise<readonly Answer[]> {
  const slots = new CallSlots(run.spec.limits.parallel);
  const input = memberInput(run.input, run.conversation.messages);
  const answers = await Promise.all(
    run.snapshot.members.map((member) =>
      slots.run({ alone: false }, async (): Promise<Answer> => {
        const report = await run.ask(member, input, `member:${member.label}`);
        return {
          label: member.label,
          result: resultOfChild(member.label, report),
          code: report.status === 'completed' ? undefined : (report.error?.code ?? report.status),
        };
      }),
    ),
  );
  if (answers.some(({ result }) => result.ok)) return answers;
  const codes = new Set(answers.map(({ code }) => code));
  throw new AppError(
    codes.size === 1 && codes.has('limit_exceeded') ? 'limit_exceeded' : 'upstream_error',
    `no member of team "${run.name}" answered: ${answers.map(({ result }) => result.content).join('; ')}`,
    { details: { members: run.memberRuns } },
  );
}

/** The answers as results of calls, so that they come to the lead as data. */
function asCalls(run: TeamRun, answers: readonly Answer[], toolNames: readonly string[]): ChatMessage[] {
  const calls = answers.map((_answer, index): ToolCall => ({
    // Unique in the session, since an earlier turn has left calls of the same form there.
    id: `call_${run.context.runId.slice(-20)}_${index}`,
    name: toolNames[index] ?? '',
    arguments: { message: run.input.message },
  }));
  return [
    { role: 'assistant', content: '', toolCalls: calls },
    ...answers.map(({ result }, index): ChatMessage => ({
      role: 'tool',
      toolCallId: calls[index]?.id ?? '',
      name: calls[index]?.name ?? '',
      content: result.content,
      ...(result.ok ? {} : { isError: true }),
    })),
  ];
}

function names(text: string, member: string): boolean {
  return new RegExp(`(?<![\\w-])${member}(?![\\w-])`, 'i').test(text);
}

/** A synthesis that keeps quiet about a member without an answer gets a line that names it. */
function namingTheMissing({ output, messages }: TeamResult, runs: readonly TeamMemberRun[]): TeamResult {
  const answered = new Set(runs.filter((one) => one.status === 'completed').map((one) => one.name));
  const missing = new Map(
    runs
      .filter((one) => !answered.has(one.name) && !names(output.text, one.name))
      .map((one) => [one.name, one]),
  );
  const structured = output.object !== undefined || (output.toolCalls?.length ?? 0) > 0;
  if (missing.size === 0 || structured) return { output, messages };
  const named = [...missing.values()].map(({ name, error, status }) => `${name} (${error ?? status})`);
  const text = `${output.text}\n\nWithout an answer of: ${named.join(', ')}`;
  const last = messages.at(-1);
  return {
    output: { ...output, text },
    messages: last?.role === 'assistant' ? [...messages.slice(0, -1), { ...last, content: text }] : messages,
  };
}

/** collaborate: all members answer side by side, the lead makes one answer of theirs. */
export async function collaborate(run: TeamRun, runner: AgentRunner): Promise<TeamResult> {
  const answers = await askAll(run);
  const result = await runLead(run, runner, {
    describe: (tools) => synthesiseDuty(run.snapshot, tools),
    prelude: (tools) =>
      asCalls(
        run,
        answers,
        tools.map(({ tool }) => tool.name),
      ),
  });
  const cited = [
    ...answers.flatMap(({ result }) => (result.ok ? (result.citations ?? []) : [])),
    ...result.output.citations,
  ];
  const citations = [...new Map(cited.map((one) => [one.id, one])).values()];
  const files = [
    ...answers.flatMap(({ result }) => (result.ok ? (result.files ?? []) : [])),
    ...(result.output.files ?? []),
  ];
  const output = { ...result.output, citations, ...(files.length === 0 ? {} : { files }) };
  return namingTheMissing({ ...result, output }, run.memberRuns);
}
