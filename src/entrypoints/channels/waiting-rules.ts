import type { ChannelSpec, Message } from '../../protocol/index.ts';
import type { KeptMessage } from './waiting-messages.ts';

/** The pictures of an album come one by one, within about a second. */
const albumMs = 1000;

/** Whoever never falls quiet is answered after this many pauses. */
const longestPauses = 10;

type Rules = Pick<ChannelSpec, 'busy' | 'quiet' | 'debounce'>;

/** How long nothing more has to come behind a message before those that wait become a turn. */
export function pauseMs(newest: Message, { busy, quiet, debounce }: Rules): number {
  if (newest.album_id !== undefined) return Math.max(albumMs, debounce);
  if (newest.attachments.length > 0) return 0;
  return busy === 'collect' ? Math.max(quiet, debounce) : debounce;
}

/** What is left of that pause. */
export function pauseLeftMs(
  { oldest, newest }: { readonly oldest: KeptMessage; readonly newest: KeptMessage },
  rules: Rules,
  nowMs: number,
): number {
  const pause = pauseMs(newest.message, rules);
  const end = Math.min(newest.receivedAtMs + pause, oldest.receivedAtMs + pause * longestPauses);
  return end - nowMs;
}

/** The longest beginning that one person wrote, in one place, for one target; `placeOf` names both. */
export function oneTurnOf(
  kept: readonly KeptMessage[],
  { busy, debounce }: Rules,
  placeOf: (message: Message) => string,
): readonly KeptMessage[] {
  const [first] = kept;
  if (first === undefined) return kept;
  // Where each message is a turn of its own, only an album makes one turn of several. So is what a workflow works on.
  const isApart = busy !== 'collect' && debounce === 0;
  const keyOf = ({ message }: KeptMessage): string => {
    const own = isApart || message.order?.inputs !== undefined;
    const one = own ? (message.album_id ?? message.dedupe_key) : '';
    return [message.user_id, placeOf(message), one].join('\n');
  };
  const wanted = keyOf(first);
  const { album_id: album, user_id: userId } = first.message;
  const isOfAlbum = ({ message }: KeptMessage): boolean =>
    album !== undefined && message.album_id === album && message.user_id === userId;
  const end = kept.findIndex((one) => !isOfAlbum(one) && keyOf(one) !== wanted);
  return end === -1 ? kept : kept.slice(0, end);
}
