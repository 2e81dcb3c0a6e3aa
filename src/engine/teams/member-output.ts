import { isJsonObject, type Json } from '../../base/index.ts';
import type { AgentOutput, ChatMessage } from '../../protocol/index.ts';
import { textOfOutput } from '../agents/index.ts';

/** The output of a member that answers in the team's place. */
export function agentOutputOf(output: Json): AgentOutput {
  const given = (isJsonObject(output) ? output : {}) as Partial<AgentOutput>;
  return {
    text: textOfOutput(output),
    ...(given.object === undefined ? {} : { object: given.object }),
    citations: given.citations ?? [],
    ...(given.files === undefined ? {} : { files: given.files }),
    model: given.model ?? '',
    finishReason: given.finishReason ?? 'stop',
    steps: given.steps ?? 0,
    ...(given.toolCalls === undefined ? {} : { toolCalls: given.toolCalls }),
  };
}

/** A member's answer as the session keeps it, with who gave it. */
export function answerMessage(name: string, { text, toolCalls }: AgentOutput): ChatMessage {
  return {
    role: 'assistant',
    content: text,
    name,
    ...(toolCalls === undefined || toolCalls.length === 0 ? {} : { toolCalls }),
  };
}
