import { isJsonObject, type JsonObject } from '../../../base/index.ts';
import { textOf, type ChatMessage, type ToolCall } from '../../../protocol/index.ts';
import type { ModelRequest } from '../provider.ts';
import { backgroundAnswer } from './background-task.ts';
import { chooseSentences, summarySentences, type Quote } from './choose-sentences.ts';
import { fillSchema } from './fill-schema.ts';
import { givenControl, wantedTransfer, withoutTransfers, withoutTurningTo } from './handover.ts';
import { matchTools, nearestCommands } from './match-tools.ts';
import { parsePassages, parseSourceTags, type Passage } from './passages.ts';
import { isGreeting } from './read-text.ts';
import { termsOf } from './words.ts';

/** What the offline assistant says or wants done. */
export type OfflineAnswer =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'calls'; readonly calls: readonly ToolCall[] };

type ToolMessage = Extract<ChatMessage, { role: 'tool' }>;

const howToConnect =
  'Connect a model: start Ollama, or set OLLAMA_BASE_URL, OPENAI_API_KEY or ANTHROPIC_API_KEY and restart.';
const noPassage = 'No passage answers that.';
const noModel = 'No language model is connected; nothing was made up.';
/** Longer results are quoted in part. */
const longestWhole = 1200;
/** From here on a message is taken for a text to work with, not only for a question. */
const longMessage = 400;

/** A free answer: it says first that no language model wrote it, and last how to connect one. */
function labelled(label: string, lines: readonly string[]): OfflineAnswer {
  return {
    type: 'text',
    text: [`[No language model connected — ${label}]`, ...lines, howToConnect].join('\n'),
  };
}

function quoteLines(quotes: readonly Quote[]): string[] {
  return quotes.map(({ text, source }) => `• "${text}" [${source}]`);
}

function lastUserOf(messages: readonly ChatMessage[]): { text: string; index: number } {
  const index = messages.findLastIndex((message) => message.role === 'user');
  const message = messages[index];
  return { index, text: message?.role === 'user' ? textOf(message.content) : '' };
}

function callOf(messages: readonly ChatMessage[], id: string): ToolCall | undefined {
  return messages
    .flatMap((message) => (message.role === 'assistant' ? (message.toolCalls ?? []) : []))
    .findLast((call) => call.id === id);
}

function wantsSummary(text: string): boolean {
  return /\b(?:summar\w+|tl;?dr|key points|main points|in short)\b/i.test(text);
}

/** Sentences that answer, or stand for the whole where nothing in particular is asked. */
function extract(question: string, passages: readonly Passage[]): readonly Quote[] {
  const asked = question.replaceAll(/https?:\/\/\S+/g, ' ');
  const chosen = wantsSummary(asked) ? [] : chooseSentences(asked, passages);
  if (chosen.length > 0) return chosen;
  const only = new Set([
    'fetch',
    'read',
    'open',
    'load',
    'page',
    'site',
    'web',
    'file',
    'summar',
    'summariz',
    'text',
    'content',
  ]);
  const about = termsOf(asked).filter((term) => !only.has(term));
  return wantsSummary(asked) || about.length <= 1 ? summarySentences(passages) : [];
}

function sourceOf(message: ToolMessage, messages: readonly ChatMessage[]): string {
  const given = callOf(messages, message.toolCallId)?.arguments ?? {};
  const place = given['url'] ?? given['path'] ?? given['file'];
  return typeof place === 'string' ? place : message.name;
}

/** What another offline answer says between its first and last line, since the answer around it says those itself. */
function withoutLabel(content: string): string {
  const lines = content.split('\n');
  if (lines.length < 3 || !/^\[No language model connected — [a-z ]+\]$/.test(lines[0] ?? '')) return content;
  return lines
    .slice(1)
    .filter((line) => line !== howToConnect)
    .join('\n');
}

function linesFor(message: ToolMessage, question: string, messages: readonly ChatMessage[]): string[] {
  const content = withoutLabel(message.content.trim());
  if (message.isError === true) return [`• ${message.name} failed: ${content}`];
  const passages = parsePassages(content);
  if (passages !== undefined) {
    const quotes = chooseSentences(question, passages);
    if (quotes.length > 0) return quoteLines(quotes);
    const sources = [...new Set(passages.map(({ source }) => source))].slice(0, 3);
    return [`${noPassage} The nearest are in ${sources.map((source) => `[${source}]`).join(', ')}.`];
  }
  if (/search|knowledge|retriev/i.test(message.name)) return [noPassage];
  if (content.length <= longestWhole)
    return [content.includes('\n') ? `${message.name}:\n${content}` : `${message.name}: ${content}`];
  const quotes = extract(question, [{ source: sourceOf(message, messages), heading: '', text: content }]);
  return quotes.length > 0 ? quoteLines(quotes) : [`${message.name}: ${noPassage}`];
}

function answerFromResults(
  results: readonly ToolMessage[],
  question: string,
  messages: readonly ChatMessage[],
): OfflineAnswer {
  const lines = results.flatMap((message) => linesFor(message, question, messages));
  const extractive = results.some(
    (message) =>
      message.isError !== true &&
      (parsePassages(message.content) !== undefined || message.content.length > longestWhole),
  );
  return labelled(extractive ? 'extractive answer' : 'result of tools', lines);
}

/** Passages that came with the conversation itself: source tags of a client, or a long text in the last message. */
function givenPassages(messages: readonly ChatMessage[], question: string): readonly Passage[] {
  const tagged = messages.flatMap((message) =>
    message.role === 'system' || message.role === 'user' ? parseSourceTags(textOf(message.content)) : [],
  );
  if (tagged.length > 0) return tagged;
  return question.length >= longMessage ? [{ source: 'your message', heading: '', text: question }] : [];
}

/** The question of a long message: its first or last line, whichever asks. */
function questionWithin(text: string): string {
  const query = /<user_query>([\s\S]*?)<\/user_query>/.exec(text)?.[1];
  if (query !== undefined) return query.trim();
  const plain = text.replaceAll(/<context>[\s\S]*?<\/context>|<source\b[\s\S]*?<\/source>/g, '\n').trim();
  if (plain.length < longMessage) return plain;
  const lines = plain
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const asking = (line: string | undefined): boolean =>
    line !== undefined && line.length < longMessage && (/\?\s*$/.test(line) || wantsSummary(line));
  const last = lines.at(-1);
  if (asking(last)) return last ?? '';
  return asking(lines[0])
    ? (lines[0] ?? '')
    : (lines.findLast(asking) ?? lines[0] ?? '').slice(0, longMessage);
}

function answerFromPassages(passages: readonly Passage[], question: string): OfflineAnswer {
  const usable = passages.map((passage) => ({ ...passage, text: passage.text.replace(question, '') }));
  const quotes = extract(question, usable);
  return labelled('extractive answer', quotes.length > 0 ? quoteLines(quotes) : [noPassage]);
}

function cannotAnswer(request: ModelRequest, question: string, control: string | undefined): OfflineAnswer {
  const tools = request.tools ?? [];
  const commands = nearestCommands(control === undefined ? tools : withoutTransfers(tools), question);
  const opening =
    control !== undefined && termsOf(question).length === 0
      ? `${control} has the conversation now. Without a language model only commands are understood.`
      : isGreeting(question)
        ? 'Hello. Without a language model only commands are understood.'
        : 'That cannot be answered without a language model, and nothing is made up instead.';
  if (commands.length === 0)
    return labelled('no answer', [opening, 'This agent has no tool that could help.']);
  return labelled('commands only', [
    opening,
    'Try one of these:',
    ...commands.map((command) => `• ${command}`),
  ]);
}

/** All that a person or a tool has said, for schema-shaped answers. */
function knownText(messages: readonly ChatMessage[]): string {
  return messages
    .flatMap((message) =>
      message.role === 'user' || message.role === 'tool' ? [textOf(message.content)] : [],
    )
    .join('\n');
}

function jsonAnswer(schema: JsonObject | undefined, messages: readonly ChatMessage[]): OfflineAnswer {
  const value = isJsonObject(schema)
    ? fillSchema(schema, knownText(messages), noModel)
    : { refusal: noModel };
  return { type: 'text', text: JSON.stringify(value) };
}

function wantedCalls(
  request: ModelRequest,
  question: string,
  control: string | undefined,
): OfflineAnswer | undefined {
  const { tools = [], toolChoice = 'auto', messages } = request;
  if (toolChoice === 'none' || tools.length === 0 || question.length >= 4000) return undefined;
  const transfer =
    control === undefined && toolChoice === 'auto' ? wantedTransfer(tools, question) : undefined;
  if (transfer !== undefined) {
    const reason = `The message turns to ${transfer.label}.`;
    const call = { id: `call_offline_${messages.length}_0`, name: transfer.tool.name, arguments: { reason } };
    return { type: 'calls', calls: [call] };
  }
  // Who was just given control has nothing to do yet.
  if (control !== undefined && termsOf(question).length === 0) return undefined;
  const offered =
    typeof toolChoice === 'object'
      ? tools.filter((tool) => tool.name === toolChoice.name)
      : withoutTransfers(tools);
  const matches = matchTools(offered, question, toolChoice === 'auto' ? undefined : 0);
  if (matches.length === 0) return undefined;
  return {
    type: 'calls',
    // The place in the conversation makes the id unique in it, and the same for the same conversation.
    calls: matches.map((match, index) => ({
      id: `call_offline_${messages.length}_${index}`,
      name: match.tool.name,
      arguments: match.arguments,
    })),
  };
}

/** Commands, then passages, then an honest no. The same request gives the same answer; nothing is invented. */
export function assistantAnswer(request: ModelRequest): OfflineAnswer {
  const { messages, responseFormat } = request;
  const last = lastUserOf(messages);
  const background = backgroundAnswer(last.text);
  if (background !== undefined) return { type: 'text', text: background };
  const results = messages.slice(last.index + 1).filter((message) => message.role === 'tool');
  const control = givenControl(messages, last.index);
  const asked = questionWithin(last.text);
  const question = control === undefined ? asked : withoutTurningTo(control, asked);
  // One round of calls for each message: the results are answered, never followed by the same call again.
  if (results.length === 0) {
    const given = givenPassages(messages, last.text);
    const calls = given.length > 0 ? undefined : wantedCalls(request, question, control);
    if (calls !== undefined) return calls;
    if (responseFormat?.type === 'json') return jsonAnswer(responseFormat.schema, messages);
    return given.length > 0 ? answerFromPassages(given, question) : cannotAnswer(request, question, control);
  }
  if (responseFormat?.type === 'json') return jsonAnswer(responseFormat.schema, messages);
  return answerFromResults(results, question, messages);
}

/** Only quotes from what the conversation holds; calls no tool. */
export function extractAnswer(request: ModelRequest): OfflineAnswer {
  const { messages, responseFormat } = request;
  const last = lastUserOf(messages);
  const background = backgroundAnswer(last.text);
  if (background !== undefined) return { type: 'text', text: background };
  if (responseFormat?.type === 'json') return jsonAnswer(responseFormat.schema, messages);
  const question = questionWithin(last.text);
  const fromTools = messages
    .filter((message) => message.role === 'tool')
    .flatMap(
      (message) =>
        parsePassages(message.content) ?? [{ source: message.name, heading: '', text: message.content }],
    );
  const earlier = messages
    .slice(0, Math.max(0, last.index))
    .flatMap((message): Passage[] =>
      message.role === 'user'
        ? [{ source: 'an earlier message', heading: '', text: textOf(message.content) }]
        : [],
    );
  const given = givenPassages(messages, last.text);
  const fromText =
    given.length === 0 && last.text !== question
      ? [{ source: 'your message', heading: '', text: last.text }]
      : given;
  return answerFromPassages([...fromTools, ...fromText, ...earlier], question);
}
