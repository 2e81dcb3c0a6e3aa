import { isJsonObject, tryParseJson, type Json, type JsonObject } from '../../../base/index.ts';
import type { WireShape } from '../provider.ts';

function deltaOf(message: Json | undefined): JsonObject {
  if (!isJsonObject(message)) return {};
  const { tool_calls: calls } = message;
  return Array.isArray(calls)
    ? {
        ...message,
        tool_calls: (calls as readonly Json[]).map((call, index) =>
          isJsonObject(call) ? { index, ...call } : call,
        ),
      }
    : message;
}

/** One chunk with all of an answer, the finish, the usage, `[DONE]`: for upstreams that do not stream. */
export function streamOfWhole(shape: WireShape, body: Buffer): Buffer | undefined {
  const answer = tryParseJson(body.toString('utf8'));
  if (!isJsonObject(answer) || !Array.isArray(answer['choices'])) return undefined;
  if (shape !== 'openai-chat' && shape !== 'openai-completions') return undefined;
  const { choices, usage, ...head } = answer;
  const chat = shape === 'openai-chat';
  const object = chat ? 'chat.completion.chunk' : 'text_completion';
  const list = (choices as readonly Json[]).filter(isJsonObject);
  const chunks: JsonObject[] = chat
    ? [
        {
          ...head,
          object,
          choices: list.map(({ message, ...choice }) => ({
            ...choice,
            delta: deltaOf(message),
            finish_reason: null,
          })),
        },
        {
          ...head,
          object,
          choices: list.map((choice) => ({
            index: choice['index'] ?? 0,
            delta: {},
            finish_reason: choice['finish_reason'] ?? 'stop',
          })),
        },
      ]
    : [{ ...head, object, choices: list }];
  if (usage !== undefined) chunks.push({ ...head, object, choices: [], usage });
  const events = chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`);
  return Buffer.from(`${events.join('')}data: [DONE]\n\n`);
}
