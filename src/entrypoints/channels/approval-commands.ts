import { AppError, tryParseJson, visibleLine, type Json } from '../../base/index.ts';
import { schemaFaults } from '../../capabilities/tools/index.ts';
import type { ApprovalService } from '../../engine/runs/index.ts';
import {
  defaultTenant,
  userIdsOf,
  type ApprovalDecision,
  type ApprovalView,
  type ChannelDefinition,
  type Message,
  type Scope,
} from '../../protocol/index.ts';

const longestComment = 2000;
const decisionOf = { approve: 'approve', reject: 'reject', answer: 'answer' } as const;

/** Commands by which people decide. They stand in the notices, not in the menu: most people have nothing to decide. */
export type ApprovalCommand = keyof typeof decisionOf;

const done: Readonly<Record<string, string>> = {
  approved: 'Approved',
  rejected: 'Rejected',
  answered: 'Answered',
};

/** The approval command that a text begins with. */
export function readApprovalCommand(text: string): ApprovalCommand | undefined {
  const name = /^\/([a-z]+)(?:\s|$)/i.exec(text)?.[1]?.toLowerCase() ?? '';
  return name in decisionOf ? (name as ApprovalCommand) : undefined;
}

/**
 * Carries out `/approve CODE …`, `/reject CODE …` or `/answer CODE …` and returns the reply, in Markdown. Rejects only
 * with errors after which the same message may come again, such as a database that is away.
 */
export async function obeyApprovalCommand(
  approvals: ApprovalService,
  channel: { readonly definition: ChannelDefinition; readonly accountId: string },
  message: Message,
  command: ApprovalCommand,
): Promise<string> {
  const [, code = '', rest = ''] = /^\S+\s+(\S+)\s*([^]*)$/.exec(message.text.trim()) ?? [];
  const usage = command === 'answer' ? '/answer CODE text' : `/${command} CODE comment`;
  if (code === '') return `Please say which one: \`${usage}\`.`;
  const scopeFor = (userId: string): Scope => ({
    tenant: defaultTenant,
    principal: `${message.platform}:${message.account_id}:${userId}`,
    scopes: ['approvals:decide'],
  });
  // Strangers learn nothing, not even whether the code exists.
  const unknown = `I know nothing under \`${visibleLine(code, 40).replaceAll('`', '')}\` that you may decide.`;
  try {
    const approval = await approvals.get(scopeFor(message.user_id), code);
    // As the one of their ids that may decide.
    const scope = userIdsOf(message)
      .map(scopeFor)
      .find(({ principal }) => mayDecideHere(approval, channel, message, principal));
    if (scope === undefined) return unknown;
    if (command === 'answer' && rest === '') return `Please say what: \`${usage}\`.`;
    const decided = await approvals.decide(scope, approval.id, decisionFor(approval, command, rest));
    return `${done[decided.status] ?? decided.status}: ${plain(decided.title)}`;
  } catch (error) {
    if (!(error instanceof AppError) || error.fault !== 'caller' || error.retryable) throw error;
    if (error.code === 'not_found' || error.code === 'forbidden') return unknown;
    return plain(error.message);
  }
}

/**
 * By chat decide: who the approval names; where it names nobody, the channel's `access.approvers`, for what was asked
 * by way of this channel.
 */
function mayDecideHere(
  approval: ApprovalView,
  { definition, accountId }: { definition: ChannelDefinition; accountId: string },
  message: Message,
  principal: string,
): boolean {
  if (approval.approvers.includes(principal)) return true;
  if (approval.escalatedAt !== null && approval.escalateTo.includes(principal)) return true;
  if (approval.approvers.length > 0) return false;
  const { replyTo } = approval;
  const isOfChannel = replyTo?.channel === definition.metadata.name && replyTo.accountId === accountId;
  return isOfChannel && userIdsOf(message).some((id) => definition.spec.access.approvers.includes(id));
}

function decisionFor(approval: ApprovalView, command: ApprovalCommand, rest: string): ApprovalDecision {
  if (command === 'answer') return { decision: 'answer', answer: answerOf(approval, rest) };
  const comment = rest.slice(0, longestComment);
  return { decision: decisionOf[command], ...(comment === '' ? {} : { comment }) };
}

/** The words themselves where they fit, else what they say as JSON: `7`, `true`, `{"a": 1}`. */
function answerOf({ answerSchema }: ApprovalView, text: string): Json {
  if (answerSchema === null || schemaFaults(answerSchema, text).length === 0) return text;
  const parsed = tryParseJson(text);
  return parsed !== undefined && schemaFaults(answerSchema, parsed).length === 0 ? parsed : (parsed ?? text);
}

function plain(text: string): string {
  return visibleLine(text, 1000).replaceAll(/[!-/:-@[-`{-~]/g, (character) => `\\${character}`);
}
