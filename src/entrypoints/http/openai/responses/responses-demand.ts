import { isJsonObject, type Json, type JsonObject } from '../../../../base/index.ts';
import type { ModelTool } from '../../../../capabilities/models/index.ts';
import type { ModelDemand } from '../../model-door/model-demand.ts';
import { present } from '../../model-door/present.ts';
import { requestFault } from '../../model-door/request-fault.ts';
import { messagesOfItems } from './input-messages.ts';
import type { ResponsesRequest } from './responses-request.ts';

function toolOf(tool: JsonObject, index: number): ModelTool {
  const { type, name, description, parameters, strict } = tool;
  if (type !== 'function')
    throw requestFault(
      `tools.${index}.type`,
      `${JSON.stringify(type)} is not offered; expected "function"`,
      'unsupported_value',
    );
  if (typeof name !== 'string' || !/^[\w.-]{1,128}$/.test(name))
    throw requestFault(`tools.${index}.name`, 'expected 1 to 128 letters, digits, "_", "-" or "."');
  return {
    name,
    description: typeof description === 'string' ? description : '',
    parameters: isJsonObject(parameters) ? parameters : { type: 'object', properties: {} },
    ...(typeof strict === 'boolean' ? { strict } : {}),
  };
}

/** The functions offered, and which of them is to be called. */
function toolsOf({
  tools,
  tool_choice: choice,
}: ResponsesRequest): Pick<ModelDemand, 'tools' | 'toolChoice'> {
  const offered = (tools ?? []).map(toolOf);
  if (offered.length === 0) return {};
  if (choice === null || choice === undefined) return { tools: offered };
  if (typeof choice === 'string') return { tools: offered, toolChoice: choice };
  if (choice.type === 'function' && typeof choice['name'] === 'string')
    return { tools: offered, toolChoice: { name: choice['name'] } };
  if (choice.type === 'allowed_tools' && Array.isArray(choice['tools'])) {
    const allowed = new Set(
      (choice['tools'] as readonly Json[]).map((tool) => (isJsonObject(tool) ? tool['name'] : undefined)),
    );
    return {
      tools: offered.filter(({ name }) => allowed.has(name)),
      toolChoice: choice['mode'] === 'required' ? 'required' : 'auto',
    };
  }
  throw requestFault('tool_choice', 'expected auto, none, required, a function or allowed_tools');
}

function formatOf({ text }: ResponsesRequest): Pick<ModelDemand, 'responseFormat'> {
  const format = text?.format;
  if (format === null || format === undefined || format.type === 'text') return {};
  if (format.type !== 'json_object' && format.type !== 'json_schema')
    throw requestFault('text.format.type', 'expected text, json_object or json_schema');
  if (format.type === 'json_schema' && !isJsonObject(format.schema))
    throw requestFault('text.format.schema', 'expected a JSON Schema');
  const { schema, name, description, strict } = format;
  return { responseFormat: { type: 'json', ...present({ schema, name, description, strict }) } };
}

/** The request as it goes to a model or an agent; `items` are the conversation so far and the request's own. Error: `invalid_request`. */
export function responsesDemand(
  body: ResponsesRequest,
  items: readonly Json[],
  pathOf?: (index: number) => string,
): ModelDemand {
  const { instructions } = body;
  const tools = toolsOf(body);
  const extra = present({
    reasoning_effort: body.reasoning?.effort,
    verbosity: body.text?.verbosity,
    parallel_tool_calls: tools.tools === undefined ? undefined : body.parallel_tool_calls,
  });
  return {
    messages: [
      ...(typeof instructions === 'string' && instructions !== ''
        ? [{ role: 'system' as const, content: instructions }]
        : []),
      ...messagesOfItems(items, pathOf),
    ],
    settings: present({
      temperature: body.temperature,
      topP: body.top_p,
      maxTokens: body.max_output_tokens,
    }),
    ...tools,
    ...formatOf(body),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}
