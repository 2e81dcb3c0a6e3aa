import { z } from 'zod';
import type { JsonObject } from '../../../base/index.ts';
import type { Attachment } from '../../../protocol/index.ts';
import type { ParsedUpdate } from '../channel-adapter.ts';
import { readAttached, readBlocks, wordsOfCard, wordsOfShare } from './read-parts.ts';
import { mentionsUser, readSlackText } from './read-text.ts';
import { chatTypeOf, lenient, slackId, type SlackEnvelope, type SlackReader } from './slack-update.ts';

const mostFiles = 50;
/** Slack itself, which has no bot id: it tells apps in direct messages that a channel was archived, and the like. */
const slackItself = new Set(['USLACKBOT', 'USLACK']);
/** Kinds of messages that somebody wrote; all others tell of edits, deletions, people who join and the like. */
const written = new Set(['file_share', 'thread_broadcast', 'me_message', 'bot_message']);

const stamp = z.string().regex(/^\d{1,12}\.\d{1,9}$/);
const file = z.object({
  id: slackId,
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
  channel: slackId,
  channel_type: lenient(z.string()),
  user: lenient(slackId),
  bot_id: lenient(slackId),
  app_id: lenient(slackId),
  username: lenient(z.string()),
  text: lenient(z.string()),
  ts: stamp,
  thread_ts: lenient(stamp),
  parent_user_id: lenient(z.string()),
  hidden: lenient(z.boolean()),
  user_profile: lenient(names),
  bot_profile: lenient(names),
  files: lenient(z.array(z.unknown())),
  attachments: lenient(z.array(z.unknown())),
  blocks: z.unknown().optional(),
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
  if (isPresent(subtype) && !written.has(subtype)) return { ignored: `a notice: ${subtype.slice(0, 50)}` };
  if (source.hidden === true) return { ignored: 'a hidden message' };
  const fromBot = isPresent(source.bot_id) || subtype === 'bot_message' || slackItself.has(source.user ?? '');
  if (isOwn(source, reader, appId, botUserId)) return { ignored: 'a message of its own' };
  if (fromBot && !isAllowed(source, reader)) return { ignored: 'a message from a bot' };
  const userId = isPresent(source.user) ? source.user : isPresent(source.bot_id) ? source.bot_id : undefined;
  if (userId === undefined) return { ignored: 'a message without sender' };
  // Bots often say in cards and blocks alone what they have to say.
  const own = isPresent(source.text) || !fromBot ? (source.text ?? '') : readBlocks(source.blocks);
  const text = [own === '' ? '' : readSlackText(own, botUserId), ...attachedWords(source, fromBot, botUserId)]
    .filter(isPresent)
    .join('\n');
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
        mentionsUser(own, botUserId) ||
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

/** Messages that somebody passes on, and the cards of bots. */
function attachedWords(
  source: SlackMessage,
  fromBot: boolean,
  botUserId: string | undefined,
): readonly string[] {
  return readAttached(source.attachments ?? []).map((one) => {
    if (one.is_share === true) return wordsOfShare(one, botUserId);
    return fromBot ? wordsOfCard(one, botUserId) : '';
  });
}

function attachmentsOf({ files, attachments }: SlackMessage): readonly Attachment[] {
  const shared = readAttached(attachments ?? []).filter(({ is_share: isShare }) => isShare === true);
  const all = [...(files ?? []), ...shared.flatMap((one) => one.files ?? [])];
  return all.slice(0, mostFiles).flatMap((given) => {
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
