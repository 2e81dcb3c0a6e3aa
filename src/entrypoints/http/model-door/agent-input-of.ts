import type { JsonObject } from '../../../base/index.ts';
import { openAiMessagesOf, textOf, type AgentInput } from '../../../protocol/index.ts';
import type { ModelDemand } from './model-demand.ts';
import { requestFault } from './request-fault.ts';

/** What a client wants of a model as the input of a run; its messages take the place of a session. Error: `invalid_request`. */
export function agentInputOf(demand: ModelDemand): AgentInput {
  const { messages, settings = {}, tools = [], toolChoice, responseFormat } = demand;
  const last = messages.findLast((message) => message.role === 'user');
  if (last === undefined) throw requestFault('messages', 'expected at least one message of a user');
  const schema = responseFormat?.type === 'json' ? responseFormat.schema : undefined;
  const clientTools = toolChoice === 'none' ? [] : tools;
  return {
    message: textOf(last.content),
    messages: openAiMessagesOf(messages),
    ...(Object.keys(settings).length === 0 ? {} : { settings: { ...settings } }),
    ...(schema === undefined ? {} : { outputSchema: schema }),
    ...(clientTools.length === 0
      ? {}
      : {
          clientTools: clientTools.map(({ name, description, parameters }): JsonObject => ({
            type: 'function',
            function: { name, description, parameters },
          })),
        }),
  };
}
