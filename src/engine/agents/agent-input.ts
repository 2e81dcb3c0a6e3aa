import { AppError, isJsonObject, type Json, type JsonObject } from '../../base/index.ts';
import type { ModelTool } from '../../capabilities/models/index.ts';
import {
  chatMessagesOf,
  runFilesOf,
  storedPartOf,
  type AgentInput,
  type AgentSpec,
  type ChatMessage,
} from '../../protocol/index.ts';
import type { RunContext } from '../runs/index.ts';
import { wholeExchanges } from './trim-history.ts';

/** The input of a run of an agent or a team. Error: `invalid_request`. */
export function agentInputOf(value: Json): AgentInput {
  if (typeof value === 'string') return { message: value };
  if (isJsonObject(value)) {
    if (typeof value['message'] === 'string') return value as unknown as AgentInput;
    return { message: JSON.stringify(value) };
  }
  throw new AppError('invalid_request', 'input: expected a text or an object with "message"');
}

/** The caller's own functions, as OpenAI's `tools` name them. */
export function clientToolsOf(tools: readonly JsonObject[]): readonly ModelTool[] {
  return tools.flatMap((tool) => {
    const declared = tool['function'] ?? tool;
    if (!isJsonObject(declared) || typeof declared['name'] !== 'string') return [];
    const parameters = isJsonObject(declared['parameters']) ? declared['parameters'] : { type: 'object' };
    return [
      {
        name: declared['name'],
        description: typeof declared['description'] === 'string' ? declared['description'] : '',
        parameters,
      },
    ];
  });
}

/** What was said up to a run. */
export interface Conversation {
  /** Everything, the run's own message last. */
  readonly messages: readonly ChatMessage[];
  /** What of it the run adds to the session's history. */
  readonly own: readonly ChatMessage[];
}

/** The messages that the caller sent, or the session's history and the run's own message. */
export async function conversationOf(
  context: Pick<RunContext, 'history'>,
  input: AgentInput,
  session: AgentSpec['memory']['session'],
): Promise<Conversation> {
  if (input.messages !== undefined) return { messages: chatMessagesOf(input.messages), own: [] };
  const history = session.enabled ? wholeExchanges(await context.history(session.maxTokens)) : [];
  // Whoever gave the input need not be one of our doors: its files are read as they come.
  const files = runFilesOf(input.files);
  const content =
    files.length === 0
      ? input.message
      : [{ type: 'text' as const, text: input.message }, ...files.map(storedPartOf)];
  const own: ChatMessage[] = [{ role: 'user', content }];
  return { messages: [...history, ...own], own };
}
