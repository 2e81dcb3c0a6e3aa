import { z } from 'zod';
import { isJsonObject, type JsonObject } from '../../../base/index.ts';
import type { ParsedUpdate } from '../channel-adapter.ts';
import { parseSlackCommand } from './parse-command.ts';
import { parseSlackMessage } from './parse-message.ts';
import { parseSlackPress } from './parse-press.ts';
import { chatTypeOf, lenient, slackId, type SlackEnvelope, type SlackReader } from './slack-update.ts';

const envelope = z.object({
  type: lenient(z.string()),
  command: lenient(z.string()),
  team_id: lenient(slackId),
  api_app_id: lenient(z.string()),
  event_id: lenient(slackId),
  authorizations: lenient(z.array(z.object({ user_id: lenient(z.string()), is_bot: lenient(z.boolean()) }))),
});
const reaction = z.object({
  type: z.enum(['reaction_added', 'reaction_removed']),
  user: slackId,
  reaction: z.string().min(1).max(200),
  item: z.object({ channel: slackId, ts: slackId }),
});

/** An event, a slash command or a pressed button as a message of the pipeline. Never throws. */
export function parseSlackUpdate(update: unknown, reader: SlackReader): ParsedUpdate {
  const parsed = envelope.safeParse(update);
  if (!parsed.success || !isJsonObject(update)) return { ignored: 'no object' };
  const { type, command, team_id: teamId, api_app_id: appId, event_id: eventId } = parsed.data;
  const told = parsed.data.authorizations?.find((one) => one.is_bot === true)?.user_id ?? undefined;
  const context: SlackEnvelope = {
    teamId: teamId ?? undefined,
    appId: appId ?? undefined,
    botUserId: reader.userId ?? told,
    raw: update,
  };
  if (typeof command === 'string') return parseSlackCommand(update, reader, context);
  if (type === 'block_actions') return parseSlackPress(update, reader, context);
  if (type === 'app_rate_limited') return { ignored: 'Slack holds events back: too many in an hour' };
  if (type !== 'event_callback') return { ignored: 'an update of a kind that is not handled' };
  const event = update['event'];
  if (!isJsonObject(event)) return { ignored: 'an envelope without an event' };
  if (event['type'] === 'message' || event['type'] === 'app_mention') {
    return parseSlackMessage(event, reader, context);
  }
  return parseReaction(event, eventId ?? undefined, reader, context);
}

function parseReaction(
  event: JsonObject,
  eventId: string | undefined,
  reader: SlackReader,
  { teamId, raw }: SlackEnvelope,
): ParsedUpdate {
  const parsed = reaction.safeParse(event);
  if (!parsed.success || eventId === undefined || eventId === '') {
    return { ignored: 'an event of a kind that is not handled' };
  }
  const { type, user, reaction: name, item } = parsed.data;
  return {
    message: {
      platform: 'slack',
      account_id: reader.accountId,
      channel_id: item.channel,
      ...(teamId === undefined ? {} : { guild_id: teamId }),
      user_id: user,
      text: `${type === 'reaction_added' ? '' : '-'}:${name}:`,
      timestamp: new Date(reader.nowMs).toISOString(),
      reply_to: item.ts,
      kind: 'reaction',
      chat_type: chatTypeOf(item.channel),
      mentions_bot: false,
      attachments: [],
      dedupe_key: `slack:${reader.accountId}:event:${eventId}`,
      metadata: { raw },
    },
  };
}
