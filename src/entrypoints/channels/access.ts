import type { ChannelSpec, Message } from '../../protocol/index.ts';

/** `unaddressed`: talk in a group that is not meant for the bot. */
export type AccessVerdict = 'allowed' | 'denied' | 'unaddressed';

/**
 * May this message reach the agent? Direct messages follow the list of users, groups the list of chats; neither opens
 * the other. Decided by stable ids, never by names.
 */
export function checkAccess(access: ChannelSpec['access'], message: Message): AccessVerdict {
  const isDm = message.chat_type === 'dm';
  const policy = isDm ? access.dm : access.groups;
  if (policy === 'disabled') return 'denied';
  if (policy === 'allowlist') {
    const allowed = isDm ? access.users.includes(message.user_id) : access.chats.includes(message.channel_id);
    if (!allowed) return 'denied';
  }
  if (!isDm && access.requireMention && !message.mentions_bot) return 'unaddressed';
  return 'allowed';
}
