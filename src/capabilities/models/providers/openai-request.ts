import { createHash } from 'node:crypto';
import { isJsonObject, type Json, type JsonObject } from '../../../base/index.ts';
import { openAiMessagesOf, type ChatMessage } from '../../../protocol/index.ts';
import type { ModelRequest } from '../provider.ts';
import type { OpenAIQuirks } from './openai-quirks.ts';

type Fields = Record<string, Json | undefined>;

/** The same short id for the same call, whoever gave the long one. */
export function shortCallId(id: Json | undefined): Json | undefined {
  if (typeof id !== 'string' || /^[a-zA-Z0-9]{9}$/.test(id)) return id;
  const digest = createHash('sha256')
    .update(id)
    .digest('base64')
    .replaceAll(/[^a-zA-Z0-9]/g, '');
  return digest.slice(0, 9);
}

/** Marks belong to parts: a message that has one as a whole becomes a list of one part. */
function withPartMarks(message: Fields): Fields {
  const { cache_control: mark, content, ...rest } = message;
  if (mark === undefined) return message;
  if (typeof content === 'string')
    return { ...rest, content: [{ type: 'text', text: content, cache_control: mark }] };
  if (!Array.isArray(content)) return { ...rest, content };
  const parts = content as readonly JsonObject[];
  return {
    ...rest,
    content: parts.map((part, index) =>
      index === parts.length - 1 ? { cache_control: mark, ...part } : part,
    ),
  };
}

function withoutMarks(message: Fields): Fields {
  const { cache_control: _mark, content, ...rest } = message;
  if (!Array.isArray(content)) return { ...rest, content };
  return {
    ...rest,
    content: (content as readonly JsonObject[]).map(({ cache_control: _own, ...part }) => part),
  };
}

/** Only text can be the result of a tool in most servers; pictures go along as a message of the user. */
function splitToolParts(message: Fields): readonly Fields[] {
  const { role, content } = message;
  if (role !== 'tool' || !Array.isArray(content)) return [message];
  const parts = content as readonly JsonObject[];
  const text = parts.flatMap((part) => (typeof part['text'] === 'string' ? [part['text']] : [])).join('\n');
  return [
    { ...message, content: text },
    { role: 'user', content: parts.filter((part) => typeof part['text'] !== 'string') },
  ];
}

/** Pictures of tool results come after the last result of the round: nothing may stand between the results. */
function orderedMessages(messages: readonly Fields[]): readonly Fields[] {
  const ordered: Fields[] = [];
  let waiting: Fields[] = [];
  for (const message of messages) {
    if (message['role'] !== 'tool') {
      ordered.push(...waiting);
      waiting = [];
    }
    const [first, ...others] = splitToolParts(message);
    if (first !== undefined) ordered.push(first);
    waiting.push(...others);
  }
  return [...ordered, ...waiting];
}

function adaptMessage(message: JsonObject, quirks: OpenAIQuirks, inRound: boolean): Fields {
  const { reasoning_content: thinking, ...rest } = message;
  const kept: Fields = { ...rest };
  for (const field of ['thinking_blocks', 'reasoning_details'])
    if (quirks.keeps?.includes(field) !== true) delete kept[field];
  const { field, when } = quirks.thinking ?? {};
  if (field !== undefined && thinking !== undefined && (when === 'always' || inRound)) kept[field] = thinking;
  if (quirks.names === false) delete kept['name'];
  const calls = kept['tool_calls'];
  if (Array.isArray(calls)) {
    // Beside calls, an empty text is no text.
    if (kept['content'] === '') kept['content'] = null;
    if (quirks.shortCallIds === true)
      kept['tool_calls'] = (calls as readonly JsonObject[]).map((call) => ({
        ...call,
        id: shortCallId(call['id']),
      }));
  }
  if (quirks.shortCallIds === true && kept['tool_call_id'] !== undefined)
    kept['tool_call_id'] = shortCallId(kept['tool_call_id']);
  return quirks.cacheMarks === true ? withPartMarks(kept) : withoutMarks(kept);
}

function adaptMessages(messages: readonly ChatMessage[], quirks: OpenAIQuirks): readonly Fields[] {
  const lastUser = messages.findLastIndex((message) => message.role === 'user');
  const adapted = openAiMessagesOf(messages).map((message, index) =>
    adaptMessage(message, quirks, index > lastUser),
  );
  return orderedMessages(adapted);
}

function toolFields(request: ModelRequest, quirks: OpenAIQuirks): Fields {
  const { tools = [], toolChoice } = request;
  if (tools.length === 0) return {};
  return {
    tools: tools.map(({ name, description, parameters, strict, cacheControl }) => ({
      type: 'function',
      function: {
        name,
        description,
        parameters,
        ...(strict === undefined || quirks.strictTools === false ? {} : { strict }),
      },
      ...(cacheControl === undefined || quirks.cacheMarks !== true
        ? {}
        : { cache_control: { ...cacheControl } }),
    })),
    tool_choice:
      typeof toolChoice === 'object'
        ? { type: 'function', function: { name: toolChoice.name } }
        : (toolChoice ?? 'auto'),
  };
}

function formatField(request: ModelRequest, quirks: OpenAIQuirks): Fields {
  const format = request.responseFormat;
  if (format?.type !== 'json') return {};
  const { schema, name = 'response', description, strict = false } = format;
  if (schema === undefined || quirks.schemas === false) return { response_format: { type: 'json_object' } };
  return {
    response_format: {
      type: 'json_schema',
      // Strict schemas must forbid additional properties everywhere; ours come from users, so the server is asked to be lenient.
      json_schema: { name, ...(description === undefined ? {} : { description }), schema, strict },
    },
  };
}

/** Models that think take another name for the limit and no settings of sampling. */
function adaptToReasoningModel(fields: Fields): Fields {
  const { max_tokens: limit, temperature: _temperature, top_p: _topP, ...rest } = fields;
  return limit === undefined || rest['max_completion_tokens'] !== undefined
    ? rest
    : { ...rest, max_completion_tokens: limit };
}

/** Body of `POST /chat/completions` without `stream`, in the server's own words. */
export function toOpenAIRequest(request: ModelRequest, quirks: OpenAIQuirks): JsonObject {
  const { settings = {}, extra = {} } = request;
  const written: Fields = {
    max_tokens: settings.maxTokens,
    temperature: settings.temperature,
    top_p: settings.topP,
    seed: settings.seed,
    stop: settings.stop,
    frequency_penalty: settings.frequencyPenalty,
    presence_penalty: settings.presencePenalty,
    ...formatField(request, quirks),
    ...extra,
  };
  // The limit has two names; who writes the newer one means it.
  if (written['max_completion_tokens'] !== undefined) delete written['max_tokens'];
  const adapted =
    quirks.reasoningModels?.test(request.model) === true ? adaptToReasoningModel(written) : written;
  const body: Fields = {};
  for (const [name, value] of Object.entries(adapted)) {
    if (value === undefined || quirks.refuses?.includes(name) === true) continue;
    body[quirks.renames?.[name] ?? name] = value;
  }
  return {
    ...body,
    model: request.model,
    messages: adaptMessages(request.messages, quirks),
    ...toolFields(request, quirks),
  };
}

/** Is this a list of choices with something in it? Servers send empty ones with their usage. */
export function firstChoice(value: unknown): JsonObject | undefined {
  const choices = isJsonObject(value) ? value['choices'] : undefined;
  const first: unknown = Array.isArray(choices) ? (choices as unknown[])[0] : undefined;
  return isJsonObject(first) ? first : undefined;
}
