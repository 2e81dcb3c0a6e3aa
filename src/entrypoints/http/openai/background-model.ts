import { isJsonObject, type Json, type JsonObject } from '../../../base/index.ts';
import type { RouteDeps } from '../http-deps.ts';

/** How Open WebUI's own prompts begin; its prompt for answers from documents begins alike, but brings sources. */
const backgroundPrompt = /^\s*#{2,3} Task:/;
const answersFromDocuments = /<context>|<source\b/;

function lastText(messages: Json | undefined): string {
  const last = Array.isArray(messages) ? (messages as readonly Json[]).at(-1) : undefined;
  if (!isJsonObject(last) || last['role'] !== 'user') return '';
  const { content } = last;
  if (typeof content === 'string') return content;
  const [part] = Array.isArray(content) ? (content as readonly Json[]) : [];
  return isJsonObject(part) && typeof part['text'] === 'string' ? part['text'] : '';
}

/**
 * The model for requests that a chat client makes on its own (titles, tags, follow-up questions), where one is configured;
 * `undefined` for what people ask.
 */
export function backgroundModelFor(
  { backgroundModel }: Pick<RouteDeps, 'backgroundModel'>,
  { messages }: JsonObject,
): string | undefined {
  const model = backgroundModel?.();
  if (model === undefined) return undefined;
  const text = lastText(messages);
  return backgroundPrompt.test(text) && !answersFromDocuments.test(text) ? model : undefined;
}
