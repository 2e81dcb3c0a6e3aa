import { createHash } from 'node:crypto';
import type { Selectable } from 'kysely';
import { AppError, canonicalJson, isJsonObject, type Json } from '../../../base/index.ts';
import type { ApprovalsTable } from '../../../platform/storage/index.ts';
import type { ApprovalRequest } from '../../../protocol/index.ts';

export type ApprovalRow = Selectable<ApprovalsTable>;

/** Name of the signal that a decision sends to the run that asked. No caller may send one of this form. */
export function approvalSignal(approvalId: string): string {
  return `approval:${approvalId}`;
}

/** SHA-256 of the canonical JSON of what a decision is bound to, hex. */
export function subjectHash(subject: ApprovalRequest['subject']): string {
  return createHash('sha256').update(canonicalJson(subject)).digest('hex');
}

/** What a decision holds for: the subject, or where there is none the words that were shown. Input of the journaled step. */
export function boundInput(
  request: Pick<ApprovalRequest, 'kind' | 'title' | 'message' | 'subject' | 'answerSchema'>,
) {
  return {
    kind: request.kind,
    subjectHash: subjectHash(request.subject),
    answerSchema: request.answerSchema,
    ...(request.subject === null ? { title: request.title, message: request.message } : {}),
  } satisfies Json;
}

/** Error: `nondeterministic_run` naming what differs, when a request is not the one that was stored under its key. */
export function refuseChangedRequest(key: string, stored: ApprovalRow, request: ApprovalRequest): void {
  const asked = {
    kind: stored.kind,
    title: stored.title,
    message: stored.message,
    subject: stored.subject,
    answerSchema: stored.answer_schema,
  };
  if (canonicalJson(boundInput(asked)) === canonicalJson(boundInput(request))) return;
  const changed = changes(asked, request);
  throw new AppError(
    'nondeterministic_run',
    `approval "${key}" (${stored.id}) was asked with other content; changed: ${changed.join(', ')}. A decision holds only for what was shown: ask again under another key.`,
    { details: { step: key, approvalId: stored.id, changed } },
  );
}

type Bound = Pick<ApprovalRequest, 'kind' | 'title' | 'message' | 'subject' | 'answerSchema'>;

function changes(before: Bound, after: Bound): readonly string[] {
  const differ = (a: unknown, b: unknown): boolean => canonicalJson(a ?? null) !== canonicalJson(b ?? null);
  const changed: string[] = [];
  if (before.kind !== after.kind) changed.push('kind');
  if (differ(before.subject?.action, after.subject?.action)) changed.push('action');
  changed.push(...argumentChanges(before.subject?.arguments, after.subject?.arguments, differ));
  if (differ(before.answerSchema, after.answerSchema)) changed.push('answer_schema');
  if (after.subject === null && before.title !== after.title) changed.push('title');
  if (after.subject === null && before.message !== after.message) changed.push('message');
  return changed;
}

function argumentChanges(
  before: Json | undefined,
  after: Json | undefined,
  differ: (a: unknown, b: unknown) => boolean,
): readonly string[] {
  if (!differ(before, after)) return [];
  if (!isJsonObject(before) || !isJsonObject(after)) return ['arguments'];
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => differ(before[name], after[name])).map((name) => `arguments.${name}`);
}
