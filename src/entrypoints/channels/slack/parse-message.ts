import { z } from 'zod';
import type { JsonObject } from '../../../base/index.ts';
import type { Attachment } from '../../../protocol/index.ts';
import type { ParsedUpdate } from '../channel-adapter.ts';
import { mentionsUser, readSlackText } from './read-text.ts';
import { chatTypeOf, lenient, type SlackEnvelope, type SlackReader } from './slack-update.ts';

const mostFiles = 50;
/** Kinds of messages that somebody wrote; all others tell of edits, deletions, people who join and the like. */
const written = new Set(['file_share', 'thread_broadcast', 'me_message', 'bot_message']);

const stamp = z.string().regex(/^\d{1,12}\.\d{1,9}$/);
const file = z.object({
  id: z.string().min(1),
  name: lenient(z.string()),
  mimetype: lenient(z.string()),
  size: lenient(z.int().nonnegative()),
  url_private: lenient(z.string()),
});
const names = z.object({
  display_name: lenient(z.string()),
  real_name: lenient(z.string()),
  name: lenient(z.string()),
});
const message = z.object({
  type: z.string(),
  subtype: lenient(z.string()),
  channel: z.string().min(1),
  channel_type: lenient(z.string()),
  user: lenient(z.string()),
  bot_id: lenient(z.string()),
  app_id: lenient(z.string()),
  username: lenient(z.string()),
  text: lenient(z.string()),
  ts: stamp,
  thread_ts: lenient(stamp),
  parent_user_id: lenient(z.string()),
  hidden: lenient(z.boolean()),
  user_profile: lenient(names),
  bot_profile: lenient(names),
  files: lenient(z.array(z.unknown())),
});

type SlackMessage = z.output<typeof message>;

/** A `message` or `app_mention` event. Both come for one mention: they get the same key, so that one of them counts. */
export function parseSlackMessage(
  event: JsonObject,
  reader: SlackReader,
  { teamId, appId, botUserId, raw }: SlackEnvelope,
): ParsedUpdate {
  const parsed = message.safeParse(event);
  if (!parsed.success) return { ignored: 'a message without channel or time' };
  const source = parsed.data;
  const { subtype, channel, ts } = source;
  if (typeof subtype === 'string' && !written.has(subtype))
    return { ignored: `a notice: ${subtype.slice(0, 50)}` };
  if (source.hidden === true) return { ignored: 'a hidden message' };
  const fromBot = isPresent(source.bot_id) || subtype === 'bot_message';
  if (isOwn(source, reader, appId, botUserId)) return { ignored: 'a message of its own' };
  if (fromBot && !isAllowed(source, reader)) return { ignored: 'a message from a bot' };
  const userId = isPresent(source.user) ? source.user : isPresent(source.bot_id) ? source.bot_id : undefined;
  if (userId === undefined) return { ignored: 'a message without sender' };
  const text = readSlackText(source.text ?? '', botUserId);
  const name = nameOf(source);
  const chatType = chatTypeOf(channel, source.channel_type);
  const threadTs = source.thread_ts ?? undefined;
  return {
    message: {
      platform: 'slack',
      account_id: reader.accountId,
      channel_id: channel,
      ...(teamId === undefined ? {} : { guild_id: teamId }),
      user_id: userId,
      ...(name === undefined ? {} : { user_name: name }),
      text,
      timestamp: new Date(Number(ts) * 1000).toISOString(),
      ...(threadTs === undefined ? {} : { thread_id: threadTs }),
      message_id: ts,
      ...(threadTs === undefined || threadTs === ts ? {} : { reply_to: threadTs }),
      kind: /^\/[A-Za-z0-9_]{1,32}(?=\s|$)/.test(text) ? 'command' : 'message',
      chat_type: chatType,
      mentions_bot:
        chatType === 'dm' ||
        source.type === 'app_mention' ||
        mentionsUser(source.text ?? '', botUserId) ||
        (botUserId !== undefined && source.parent_user_id === botUserId),
      ...(fromBot ? { from_bot: true, user_aliases: idsOf(source).filter((id) => id !== userId) } : {}),
      attachments: attachmentsOf(source),
      dedupe_key: `slack:${reader.accountId}:${channel}:${ts}`,
      metadata: { raw },
    },
  };
}

function isPresent(text: string | null | undefined): text is string {
  return typeof text === 'string' && text !== '';
}

function isOwn(
  source: SlackMessage,
  reader: SlackReader,
  appId: string | undefined,
  botUserId: string | undefined,
): boolean {
  if (isPresent(source.user) && source.user === botUserId) return true;
  if (!isPresent(source.bot_id)) return false;
  return source.bot_id === reader.botId || (isPresent(source.app_id) && source.app_id === appId);
}

function isAllowed(source: SlackMessage, { allowBots }: SlackReader): boolean {
  return idsOf(source).some((id) => allowBots.includes(id));
}

/** A bot is known by three ids. */
function idsOf({ user, bot_id, app_id }: SlackMessage): readonly string[] {
  return [user, bot_id, app_id].filter(isPresent);
}

function nameOf({ user_profile, bot_profile, username }: SlackMessage): string | undefined {
  const known = [user_profile?.display_name, user_profile?.real_name, user_profile?.name, bot_profile?.name];
  return [...known, username].find(isPresent);
}

function attachmentsOf({ files }: SlackMessage): readonly Attachment[] {
  return (files ?? []).slice(0, mostFiles).flatMap((given) => {
    const parsed = file.safeParse(given);
    if (!parsed.success) return [];
    const { id, name, mimetype, size, url_private: url } = parsed.data;
    return [
      {
        id,
        kind: kindOf(mimetype ?? ''),
        platformRef: id,
        ...(isPresent(mimetype) ? { mimeType: mimetype } : {}),
        ...(isPresent(name) ? { name } : {}),
        ...(typeof size === 'number' ? { sizeBytes: size } : {}),
        ...(isPresent(url) ? { url } : {}),
      },
    ];
  });
}

function kindOf(mimeType: string): Attachment['kind'] {
  const kind = mimeType.split('/')[0];
  return kind === 'image' || kind === 'audio' || kind === 'video' ? kind : 'document';
}
