import { isJsonObject, visibleJson, visibleLine, visibleValue, type Json } from '../../base/index.ts';
import type { ApprovalNotice } from '../../protocol/index.ts';
import type { ChunkAction } from './channel-adapter.ts';

const longestTitle = 300;
const longestMessage = 1000;
const longestArguments = 2500;
const longestText = 200;
const mostApprovers = 10;

const occasions: Readonly<Record<ApprovalNotice['occasion'], string>> = {
  asked: '',
  reminder: 'Reminder: ',
  escalation: 'Nobody has decided yet: ',
};

const defaults: Readonly<Record<ApprovalNotice['default'], string>> = {
  approve: 'it counts as approved',
  reject: 'it counts as rejected',
  fail: 'it expires',
};

/** What a chat is told of an approval, as Markdown: what is asked, the exact arguments, and how to answer. */
export function noticeText(notice: ApprovalNotice): string {
  const { kind, code } = notice;
  const word = kind === 'question' ? 'Question' : 'Approval needed';
  return [
    `**${occasions[notice.occasion]}${word}**`,
    escapeMarkdown(visibleLine(notice.title, longestTitle)),
    ...quoted(notice.message),
    ...subjectLines(notice),
    ...(notice.answerSchema === null ? [] : ['Expected:', fenced(notice.answerSchema, code)]),
    ...(notice.deadlineAt === null ? [] : [deadlineText(notice)]),
    ...approverLines(notice),
    kind === 'question'
      ? `Answer with \`/answer ${code} …\`, or decline with \`/reject ${code} reason\`.`
      : `Send \`/approve ${code}\`, or \`/reject ${code} reason\`.`,
  ].join('\n');
}

function quoted(message: string): readonly string[] {
  const lines = message.trim().slice(0, longestMessage).split('\n');
  if (message.trim() === '') return [];
  const cut = message.trim().length > longestMessage ? ['> …'] : [];
  return [...lines.map((line) => `> ${escapeMarkdown(visibleLine(line, longestMessage))}`), ...cut];
}

function subjectLines({ subject, code }: ApprovalNotice): readonly string[] {
  if (subject === null) return [];
  return [
    `Action: ${escapeMarkdown(visibleLine(subject.action, longestTitle))}`,
    fenced(subject.arguments, code),
  ];
}

/** No line of it consists of backticks alone, those of texts stand behind a bar: nothing in it can end the block. */
function fenced(value: Json, code: string): string {
  const whole = visibleValue(value);
  const language = whole === visibleJson(value) ? 'json' : '';
  const block = (shown: string): string => `\`\`\`${language}\n${shown}\n\`\`\``;
  if (whole.length <= longestArguments) return block(whole);
  // Long texts first, so that none of them hides what comes after it.
  const shown = Array.from(visibleValue(withShortTexts(value)))
    .slice(0, longestArguments)
    .join('');
  return [
    block(shown),
    `**Shortened:** the whole has ${whole.length} characters.`,
    `See all of it with \`agent33 approvals show ${code}\` before you decide.`,
  ].join('\n');
}

function withShortTexts(value: Json): Json {
  if (typeof value === 'string') {
    const characters = Array.from(value);
    const more = characters.length - longestText;
    return more > 0 ? `${characters.slice(0, longestText).join('')}… (${more} more)` : value;
  }
  if (Array.isArray(value)) return (value as readonly Json[]).map(withShortTexts);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, withShortTexts(inner ?? null)]),
  );
}

/** What people can press instead of typing. A question is answered in words. */
export function noticeActions({ kind, code }: ApprovalNotice): readonly ChunkAction[] {
  if (kind === 'question') return [];
  return [
    { label: 'Approve', command: `/approve ${code}` },
    { label: 'Reject', command: `/reject ${code}` },
  ];
}

function deadlineText(notice: ApprovalNotice): string {
  const until = (notice.deadlineAt ?? '').slice(0, 16).replace('T', ' ');
  const outcome = notice.kind === 'question' && notice.default === 'approve' ? 'fail' : notice.default;
  return `Until ${until} UTC; then ${defaults[outcome]}.`;
}

function approverLines({ approvers }: ApprovalNotice): readonly string[] {
  if (approvers.length === 0) return [];
  const shown = approvers.slice(0, mostApprovers).map((one) => escapeMarkdown(visibleLine(one, 100)));
  const more = approvers.length > mostApprovers ? ` and ${approvers.length - mostApprovers} more` : '';
  return [`For: ${shown.join(', ')}${more}`];
}

function escapeMarkdown(text: string): string {
  return text.replaceAll(/[!-/:-@[-`{-~]/g, (character) => `\\${character}`);
}
