import {
  isJsonObject,
  visibleJson,
  visibleLine,
  visibleValue,
  type Json,
  type JsonObject,
} from '../base/index.ts';
import { jsonOrText } from './read-inputs.ts';
import { plainText } from './output.ts';

const shownFields = [
  'id',
  'code',
  'kind',
  'status',
  'run_id',
  'step_key',
  'requested_by',
  'approvers',
  'deadline_at',
  'default',
  'reminders',
  'escalated_at',
  'decided_by',
  'decided_as',
  'decided_at',
  'comment',
  'arguments_hash',
] as const;

/** One approval for reading: what is asked first, then the exact arguments, then the rest. */
export function describeApproval(approval: JsonObject): string {
  const { subject, message, answer_schema: schema, answer } = approval;
  const lines = [visibleLine(plainText(approval['title']), 2000)];
  if (typeof message === 'string' && message !== '')
    lines.push(...message.split('\n').map((line) => `  ${visibleLine(line, 2000)}`));
  if (isJsonObject(subject)) {
    lines.push('', `action: ${visibleLine(plainText(subject['action']), 2000)}`);
    lines.push('arguments:', visibleValue(subject['arguments'] ?? null));
  }
  if (schema !== null && schema !== undefined) lines.push('', 'expected answer:', visibleJson(schema));
  lines.push('');
  for (const field of shownFields) {
    const value = approval[field];
    const isEmpty = value === null || value === undefined || (Array.isArray(value) && value.length === 0);
    if (!isEmpty) lines.push(`${field}: ${visibleLine(plainText(value), 2000)}`);
  }
  if (answer !== null && answer !== undefined) lines.push('answer:', visibleValue(answer));
  return `${lines.join('\n')}\n`;
}

/** What was typed as the answer to a question: the words themselves, or JSON where it asks for more than a text. */
export function answerFor(asked: Json, text: string): Json {
  const schema = isJsonObject(asked) ? asked['answer_schema'] : undefined;
  const takesText = !isJsonObject(schema) || schema['type'] === 'string';
  return takesText ? text : jsonOrText(text);
}
