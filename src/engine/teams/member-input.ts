import type { Json, JsonObject } from '../../base/index.ts';
import { openAiMessagesOf, type AgentInput, type ChatMessage } from '../../protocol/index.ts';

/** The input of a member that answers in the team's place: the same message, with what was said before it. */
export function memberInput(
  input: AgentInput,
  messages: readonly ChatMessage[],
  clientTools: readonly JsonObject[] = [],
): Json {
  const { message, variables, settings } = input;
  const single = messages.length === 1 && messages[0]?.role === 'user' && messages[0].content === message;
  return {
    message,
    ...(single ? {} : { messages: openAiMessagesOf(messages) }),
    ...(variables === undefined ? {} : { variables }),
    ...(settings === undefined ? {} : { settings }),
    ...(clientTools.length === 0 ? {} : { clientTools }),
  };
}
