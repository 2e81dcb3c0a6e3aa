import type { JsonObject } from '../base/index.ts';
import type { Attachment } from './run.ts';

/** A message from a chat platform in one form for all of them. */
export interface Message {
  readonly platform: string;
  readonly account_id: string;
  readonly channel_id: string;
  /** The server or workspace that the channel belongs to, where the platform has such. */
  readonly guild_id?: string;
  readonly user_id: string;
  readonly user_name?: string;
  readonly text: string;
  /** ISO 8601, UTC. */
  readonly timestamp: string;
  readonly thread_id?: string;
  readonly message_id?: string;
  readonly reply_to?: string;
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
}
