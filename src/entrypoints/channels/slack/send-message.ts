import { createHash } from 'node:crypto';
import type { JsonObject } from '../../../base/index.ts';
import type { ReplyAddress } from '../../../protocol/index.ts';
import type { Chunk, ChunkAction } from '../channel-adapter.ts';
import { SendError } from '../send-error.ts';
import { buttonPrefix } from './parse-press.ts';
import { escapeSlack } from './render-mrkdwn.ts';
import { sectionsOf } from './sections.ts';
import { SlackApiError, type SlackApi } from './slack-api.ts';

const sendTimeoutMs = 20_000;
const defaultRetryAfterMs = 5000;
const mostButtons = 25;

const rateLimits = new Set(['ratelimited', 'rate_limited', 'message_limit_exceeded']);
const unreadable = new Set(['invalid_blocks', 'invalid_blocks_format', 'msg_blocks_too_long']);
/** Slack's own troubles, after which the same call may work. */
const passing = new Set([
  'fatal_error',
  'internal_error',
  'request_timeout',
  'service_unavailable',
  'team_added_to_org',
]);

/** Refusals of the token itself: every further call makes it worse. */
export const refusedTokens: ReadonlySet<string> = new Set([
  'invalid_auth',
  'not_authed',
  'account_inactive',
  'token_revoked',
  'token_expired',
]);

/**
 * Sends one chunk as mrkdwn, with blocks where it has buttons, and as plain text where Slack cannot read those. Returns
 * the message's `ts`. The key becomes `client_msg_id`, by which Slack may know a message that is sent again.
 */
export async function sendSlackChunk(
  api: SlackApi,
  address: ReplyAddress,
  chunk: Chunk,
  options: { signal: AbortSignal; key?: string },
): Promise<string> {
  const target = {
    channel: address.chatId,
    ...(address.threadId === undefined ? {} : { thread_ts: address.threadId }),
    ...(options.key === undefined ? {} : { client_msg_id: uuidOf(`${address.accountId}:${options.key}`) }),
    unfurl_links: false,
    unfurl_media: false,
  };
  const post = (content: JsonObject): Promise<string> =>
    callAsSend(async () => {
      const call = { signal: options.signal, timeoutMs: sendTimeoutMs };
      const { ts } = await api('chat.postMessage', { ...target, ...content }, call);
      return typeof ts === 'string' ? ts : '';
    });
  const { actions = [], body, plain } = chunk;
  if (actions.length === 0) return post({ text: body });
  try {
    return await post({ text: body, blocks: [...sectionBlocks(body), buttonBlock(actions)] });
  } catch (error) {
    if (!(error instanceof SlackSendError) || !unreadable.has(error.reason)) throw error;
    return post({ text: escapeSlack(plain), mrkdwn: false });
  }
}

/** A refused send that remembers Slack's word for it. */
class SlackSendError extends SendError {
  readonly reason: string;

  constructor(reason: string, ...rest: ConstructorParameters<typeof SendError>) {
    super(...rest);
    this.reason = reason;
  }
}

function sectionBlocks(body: string): JsonObject[] {
  return sectionsOf(body).map((text) => ({ type: 'section', text: { type: 'mrkdwn', text } }));
}

function buttonBlock(actions: readonly ChunkAction[]): JsonObject {
  const elements = actions.slice(0, mostButtons).map(({ label, command }, index) => ({
    type: 'button',
    text: { type: 'plain_text', text: label.slice(0, 75) },
    action_id: `${buttonPrefix}${index}`,
    value: command,
  }));
  return { type: 'actions', elements };
}

/** The same text always gives the same UUID. */
function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** Runs a call and tells what its failure means for the message. */
export async function callAsSend(call: () => Promise<string>): Promise<string> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof SlackApiError)) throw error;
    const { reason, httpStatus: status, message, retryAfterMs } = error;
    if (status === 429 || rateLimits.has(reason)) {
      // Slack counts messages per conversation: others may go on.
      throw new SlackSendError(reason, 'retry', message, {
        code: 'rate_limited',
        retryAfterMs: retryAfterMs ?? defaultRetryAfterMs,
        pauses: 'chat',
      });
    }
    // Slack knows the message, but somebody has deleted it since: it did arrive.
    if (reason === 'duplicate_message_not_found') return '';
    if (error.mayHaveArrived) throw new SlackSendError(reason, 'ambiguous', message);
    if (status === 0 || status >= 500 || passing.has(reason)) {
      throw new SlackSendError(reason, 'retry', message);
    }
    const unauthorized = refusedTokens.has(reason);
    throw new SlackSendError(reason, 'permanent', message, { unauthorized });
  }
}
