import { userIdsOf, type ChannelSpec, type Message } from '../../protocol/index.ts';

/** `unaddressed`: talk in a group that is not meant for the bot. `unpaired`: a stranger who may ask to be paired. */
export type AccessVerdict = 'allowed' | 'denied' | 'unaddressed' | 'unpaired';

/**
 * May this message reach the agent? Direct messages follow the list of users or pairing, groups the list of chats;
 * neither opens the other. Decided by stable ids, any of the person's own, never by names. `isAddressed`: it mentions the
 * bot.
 */
export function checkAccess(
  access: ChannelSpec['access'],
  message: Message,
  isAddressed: boolean = message.mentions_bot,
): AccessVerdict {
  const isDm = message.chat_type === 'dm';
  const policy = isDm ? access.dm : access.groups;
  if (policy === 'disabled') return 'denied';
  const ids = userIdsOf(message);
  if (message.from_bot === true && !ids.some((id) => access.bots.includes(id))) return 'denied';
  const isListed = isDm
    ? ids.some((id) => access.users.includes(id))
    : access.chats.includes(message.channel_id);
  if (policy === 'allowlist' && !isListed) return 'denied';
  if (policy === 'pairing' && !isListed) return 'unpaired';
  if (!isDm && access.requireMention && !isAddressed) return 'unaddressed';
  return 'allowed';
}
