import type { JsonObject } from '../base/index.ts';
import type { Attachment, RunTarget } from './run.ts';
import type { Scope } from './scope.ts';

/** What a program says beside the text of a message. Only doors for programs set it: people on a chat platform cannot. */
export interface MessageOrder {
  /** What answers, before all rules. */
  readonly target?: RunTarget;
  /** What a workflow gets instead of the text. */
  readonly inputs?: JsonObject;
  /** Where the answer is posted, of the addresses that the channel allows. */
  readonly replyUrl?: string;
  /** Who acts, instead of the user on the platform. */
  readonly caller?: Scope;
  /** Digest of what was said, where the same key with something else has to be refused. */
  readonly fingerprint?: string;
  /** Kept with the run, and part of the answer. */
  readonly metadata?: JsonObject;
}

/** What a message answers or quotes, as far as its platform tells. */
export interface QuotedMessage {
  readonly user_name?: string;
  readonly text: string;
}

/** A message from a chat platform in one form for all of them. */
export interface Message {
  readonly platform: string;
  readonly account_id: string;
  readonly channel_id: string;
  /** The server or workspace that the channel belongs to, where the platform has such. */
  readonly guild_id?: string;
  readonly user_id: string;
  /** Other ids of the same person on the platform, such as a phone number. */
  readonly user_aliases?: readonly string[];
  readonly user_name?: string;
  readonly text: string;
  /** ISO 8601, UTC. */
  readonly timestamp: string;
  readonly thread_id?: string;
  readonly message_id?: string;
  readonly reply_to?: string;
  /** What it answers, where that is told and is not the bot's own. */
  readonly quoted?: QuotedMessage;
  readonly kind: 'message' | 'command' | 'interaction' | 'edit' | 'reaction' | 'status';
  readonly chat_type: 'dm' | 'group' | 'channel';
  readonly mentions_bot: boolean;
  /** True when another bot wrote it. */
  readonly from_bot?: boolean;
  readonly attachments: readonly Attachment[];
  /** The same for messages that the platform shows as one, such as the pictures of an album. */
  readonly album_id?: string;
  /** Unique per platform event; a second one with this key is the same event. */
  readonly dedupe_key: string;
  /** The platform's own payload under `raw`. */
  readonly metadata: JsonObject;
  readonly order?: MessageOrder;
}

/** Every id by which the platform knows who wrote a message; the one that stays comes first. */
export function userIdsOf(message: Pick<Message, 'user_id' | 'user_aliases'>): readonly string[] {
  return [message.user_id, ...(message.user_aliases ?? [])];
}
