import { z } from 'zod';
import type { JsonObject } from '../../../base/index.ts';
import type { ParsedUpdate } from '../channel-adapter.ts';
import { chatTypeOf, lenient, slackId, type SlackEnvelope, type SlackReader } from './slack-update.ts';

/** Begins the names of our buttons; others in the same app are not ours. */
export const buttonPrefix = 'agent33:';

/** Somebody pressed a button. Its value is whatever the client sends. */
const press = z.object({
  user: z.object({ id: slackId, username: lenient(z.string()), name: lenient(z.string()) }),
  team: lenient(z.object({ id: lenient(z.string()) })),
  channel: lenient(z.object({ id: lenient(slackId), name: lenient(z.string()) })),
  container: lenient(
    z.object({
      channel_id: lenient(slackId),
      message_ts: lenient(slackId),
      thread_ts: lenient(slackId),
    }),
  ),
  message: lenient(z.object({ ts: lenient(slackId), thread_ts: lenient(slackId) })),
  trigger_id: lenient(slackId),
  actions: z.array(z.unknown()).max(100),
});
const action = z.object({
  action_id: z.string().startsWith(buttonPrefix),
  value: z.string().min(1).max(2000),
  action_ts: lenient(slackId),
});

/** A pressed button as the command that it stands for. */
export function parseSlackPress(
  update: JsonObject,
  reader: SlackReader,
  { teamId, raw }: SlackEnvelope,
): ParsedUpdate {
  const parsed = press.safeParse(update);
  if (!parsed.success) return { ignored: 'a press without user or action' };
  const { user, team, channel, container, message, trigger_id: trigger, actions } = parsed.data;
  const chosen = actions.map((one) => action.safeParse(one)).find((one) => one.success)?.data;
  if (chosen === undefined) return { ignored: 'a press of something that is not ours' };
  const channelId = channel?.id ?? container?.channel_id ?? '';
  const messageTs = container?.message_ts ?? message?.ts ?? '';
  if (channelId === '' || messageTs === '') return { ignored: 'a press outside of a message' };
  const threadTs = container?.thread_ts ?? message?.thread_ts ?? undefined;
  const name = user.username ?? user.name ?? undefined;
  const guild = teamId ?? team?.id ?? undefined;
  const pressed = trigger ?? `${messageTs}:${user.id}:${chosen.action_ts ?? chosen.action_id}`;
  return {
    message: {
      platform: 'slack',
      account_id: reader.accountId,
      channel_id: channelId,
      ...(guild === undefined ? {} : { guild_id: guild }),
      user_id: user.id,
      ...(name === undefined ? {} : { user_name: name }),
      text: chosen.value,
      timestamp: new Date(reader.nowMs).toISOString(),
      ...(threadTs === undefined ? {} : { thread_id: threadTs }),
      message_id: messageTs,
      kind: 'interaction',
      chat_type: chatTypeOf(channelId, channel?.name === 'directmessage' ? 'im' : undefined),
      mentions_bot: true,
      attachments: [],
      dedupe_key: `slack:${reader.accountId}:action:${pressed}`,
      metadata: { raw },
    },
  };
}
