import { AppError, isJsonObject, type Json, type JsonObject } from '../../../base/index.ts';
import type { ModelTool } from '../../../capabilities/models/index.ts';
import type { ModelDemand } from '../model-door/model-demand.ts';
import { present } from '../model-door/present.ts';
import { requestFault } from '../model-door/request-fault.ts';
import { cacheMarkOf } from './content-parts.ts';
import { messagesOf } from './messages-of.ts';
import type { MessagesRequest } from './messages-request.ts';

function toolOf(tool: JsonObject, index: number): ModelTool {
  const { type, name, description, input_schema: schema, strict } = tool;
  if (type !== undefined && type !== null && type !== 'custom')
    throw requestFault(
      `tools.${index}.type`,
      `${JSON.stringify(type)} is offered only by Anthropic's own models; expected "custom"`,
    );
  if (typeof name !== 'string' || !/^[\w.-]{1,128}$/.test(name))
    throw requestFault(`tools.${index}.name`, 'expected 1 to 128 letters, digits, "_", "-" or "."');
  if (!isJsonObject(schema)) throw requestFault(`tools.${index}.input_schema`, 'expected a JSON Schema');
  return {
    name,
    description: typeof description === 'string' ? description : '',
    parameters: schema,
    ...(typeof strict === 'boolean' ? { strict } : {}),
    ...cacheMarkOf(tool),
  };
}

function toolChoiceOf(choice: MessagesRequest['tool_choice']): Pick<ModelDemand, 'toolChoice'> {
  switch (choice?.type) {
    case 'any':
      return { toolChoice: 'required' };
    case 'none':
      return { toolChoice: 'none' };
    case 'tool':
      if (typeof choice.name === 'string') return { toolChoice: { name: choice.name } };
      throw requestFault('tool_choice.name', 'expected the name of a tool');
    case 'auto':
      return { toolChoice: 'auto' };
    case undefined:
      return {};
    default:
      throw requestFault('tool_choice.type', 'expected auto, any, tool or none');
  }
}

function formatOf(body: MessagesRequest): Pick<ModelDemand, 'responseFormat'> {
  const format: Json | undefined = body.output_config?.format ?? body.output_format ?? undefined;
  if (!isJsonObject(format)) return {};
  const { type, schema } = format;
  if (type !== 'json_schema' || !isJsonObject(schema))
    throw requestFault('output_config.format', 'expected the type json_schema with a "schema"');
  return { responseFormat: { type: 'json', schema } };
}

/**
 * A conversation that the server is to hold between requests. Anthropic's own models have that; here clients are told in
 * its words that they have to send the whole conversation, and its SDK then does so by itself.
 */
function refuseThread(thread: unknown): void {
  if (thread === undefined || thread === null) return;
  const continues = isJsonObject(thread) && thread['type'] === 'continue';
  const code = continues ? 'thread_not_found' : 'thread_unsupported_request';
  throw new AppError(
    continues ? 'not_found' : 'invalid_request',
    'thread: conversations are not held here; send all messages of the conversation without `thread`',
    {
      details: {
        param: 'thread',
        anthropic: { error_code: code, ...(continues ? {} : { unsupported: [] }) },
      },
    },
  );
}

/** How much a model is to think, for models that know levels and no budgets. */
function effortOf({ output_config: config, thinking }: MessagesRequest): string | undefined {
  if (typeof config?.effort === 'string') return config.effort;
  const budget = thinking?.['budget_tokens'];
  if (thinking?.type !== 'enabled' || typeof budget !== 'number') return undefined;
  if (budget <= 2048) return 'low';
  return budget <= 8192 ? 'medium' : 'high';
}

/** The request as it goes to a model or an agent. Error: `invalid_request` for what only Anthropic has. */
export function messagesDemand(body: MessagesRequest): ModelDemand {
  const { mcp_servers: servers, tool_choice: choice, thinking } = body;
  if (Array.isArray(servers) && servers.length > 0)
    throw requestFault('mcp_servers', 'is offered only by Anthropic’s own models');
  refuseThread(body['thread']);
  const tools = (body.tools ?? []).map(toolOf);
  const extra = present({
    top_k: body.top_k,
    thinking: thinking as JsonObject | null | undefined,
    reasoning_effort: effortOf(body),
    parallel_tool_calls: choice?.['disable_parallel_tool_use'] === true ? false : undefined,
  });
  return {
    messages: messagesOf(body),
    settings: present({
      maxTokens: body.max_tokens,
      temperature: body.temperature,
      topP: body.top_p,
      stop: body.stop_sequences,
    }),
    ...(tools.length === 0 ? {} : { tools, ...toolChoiceOf(choice) }),
    ...formatOf(body),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}
