import { z } from 'zod';
import { AppError, type Json, type JsonObject } from '../../../base/index.ts';
import type { ModelRequest, ModelSettings, ModelTool } from '../../../capabilities/models/index.ts';
import { chatMessagesOf, textOf, type AgentInput } from '../../../protocol/index.ts';

const json = z.custom<Json>((value) => value !== undefined);
const jsonObject = z.record(z.string(), json);

const functionTool = z.looseObject({
  type: z.literal('function').default('function'),
  function: z.looseObject({
    name: z.string().regex(/^[\w.-]{1,64}$/, 'expected 1 to 64 letters, digits, "_", "-" or "."'),
    description: z.string().nullish(),
    parameters: jsonObject.nullish(),
  }),
});

/** Body of `POST /v1/chat/completions`. Fields that we do not know are ignored, as OpenAI's clients expect. */
export const chatRequest = z
  .looseObject({
    model: z
      .string()
      .min(1)
      .max(300)
      .describe('Name of an agent, `team/NAME`, `workflow/NAME`, or `provider/model`.'),
    messages: z.array(jsonObject).min(1),
    stream: z.boolean().nullish(),
    stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
    tools: z.array(functionTool).max(128).nullish().describe('Functions that the caller executes itself.'),
    tool_choice: z
      .union([
        z.enum(['auto', 'none', 'required']),
        z.looseObject({ function: z.looseObject({ name: z.string() }) }),
      ])
      .nullish(),
    temperature: z.number().min(0).max(2).nullish(),
    top_p: z.number().min(0).max(1).nullish(),
    max_tokens: z.int().positive().nullish(),
    max_completion_tokens: z.int().positive().nullish(),
    seed: z.int().nullish(),
    stop: z.union([z.string(), z.array(z.string()).max(8)]).nullish(),
    frequency_penalty: z.number().nullish(),
    presence_penalty: z.number().nullish(),
    n: z.literal(1, 'only one answer per request is supported').nullish(),
    response_format: z
      .looseObject({
        type: z.enum(['text', 'json_object', 'json_schema']),
        json_schema: z.looseObject({ name: z.string().optional(), schema: jsonObject.optional() }).optional(),
      })
      .nullish(),
  })
  .meta({ id: 'ChatCompletionRequest' });

export type ChatRequest = z.output<typeof chatRequest>;

type Sampling = Pick<
  ChatRequest,
  | 'temperature'
  | 'top_p'
  | 'max_tokens'
  | 'max_completion_tokens'
  | 'seed'
  | 'stop'
  | 'frequency_penalty'
  | 'presence_penalty'
>;

/** The settings of a request; what is `null` is as good as absent. */
export function settingsOf(body: Sampling): ModelSettings {
  const maxTokens = body.max_completion_tokens ?? body.max_tokens ?? undefined;
  return {
    ...(body.temperature === null || body.temperature === undefined ? {} : { temperature: body.temperature }),
    ...(body.top_p === null || body.top_p === undefined ? {} : { topP: body.top_p }),
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(body.seed === null || body.seed === undefined ? {} : { seed: body.seed }),
    ...(body.stop === null || body.stop === undefined
      ? {}
      : { stop: typeof body.stop === 'string' ? [body.stop] : body.stop }),
    ...(body.frequency_penalty === null || body.frequency_penalty === undefined
      ? {}
      : { frequencyPenalty: body.frequency_penalty }),
    ...(body.presence_penalty === null || body.presence_penalty === undefined
      ? {}
      : { presencePenalty: body.presence_penalty }),
  };
}

/** The request as an agent's input: the client's messages take the place of a session. */
export function agentInputOf(body: ChatRequest): AgentInput {
  const messages = chatMessagesOf(body.messages);
  const last = messages.findLast((message) => message.role === 'user');
  if (last === undefined) {
    const message = 'expected at least one message with the role "user"';
    throw new AppError('invalid_request', `messages: ${message}`, {
      details: { issues: [{ path: 'messages', message }] },
    });
  }
  const settings = settingsOf(body);
  const tools = body.tool_choice === 'none' ? [] : (body.tools ?? []);
  return {
    message: textOf(last.content),
    messages: body.messages,
    ...(Object.keys(settings).length === 0 ? {} : { settings: { ...settings } }),
    ...(tools.length === 0 ? {} : { clientTools: tools as readonly JsonObject[] }),
  };
}

function toModelTool({ function: definition }: z.output<typeof functionTool>): ModelTool {
  return {
    name: definition.name,
    description: definition.description ?? '',
    parameters: definition.parameters ?? { type: 'object', properties: {} },
  };
}

function responseFormatOf(body: ChatRequest): ModelRequest['responseFormat'] {
  const format = body.response_format;
  if (format === null || format === undefined || format.type === 'text') return undefined;
  const { name, schema } = format.json_schema ?? {};
  return {
    type: 'json',
    ...(schema === undefined ? {} : { schema }),
    ...(name === undefined ? {} : { name }),
  };
}

/** Fields that our own form of a request has words for, or that only concern the door. */
const worded: ReadonlySet<string> = new Set(Object.keys(chatRequest.shape));

/** The fields that we have no word for; a provider that knows them may use them. */
function extraOf(body: ChatRequest): JsonObject {
  return Object.fromEntries(
    Object.entries(body).filter(([name, value]) => !worded.has(name) && value !== null),
  ) as JsonObject;
}

/** A body as a checked request. Error: `invalid_request` with each field that is not as expected. */
export function parseRequest<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map(({ path, message }) => ({
    in: 'body',
    path: path.join('.'),
    message,
  }));
  const told = issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
  throw new AppError('invalid_request', told.slice(0, 5).join('; '), { details: { issues } });
}

/** The request as it goes to a model directly. */
export function modelRequestOf(body: ChatRequest): Omit<ModelRequest, 'model'> {
  const choice = body.tool_choice ?? undefined;
  const format = responseFormatOf(body);
  const extra = extraOf(body);
  return {
    messages: chatMessagesOf(body.messages),
    settings: settingsOf(body),
    ...(body.tools === null || body.tools === undefined || body.tools.length === 0
      ? {}
      : { tools: body.tools.map(toModelTool) }),
    ...(choice === undefined
      ? {}
      : { toolChoice: typeof choice === 'string' ? choice : { name: choice.function.name } }),
    ...(format === undefined ? {} : { responseFormat: format }),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}
