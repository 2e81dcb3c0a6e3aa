import type { CommonFault } from './fault-list.ts';
import type { FormFileSent } from './read-multipart.ts';

/** A JSON object, unread. */
export type UnreadJson = Readonly<Record<string, unknown>>;

/** A message that the bot has sent, as it stands there now. */
export interface DiscordMessage {
  readonly id: string;
  readonly channelId: string;
  /** What a person sees, markup taken away. */
  text: string;
  /** What the bot sent. */
  source: string;
  /** How it came: into the channel, in place of a deferred reply, after one, or as the immediate reply. */
  readonly via: 'channel' | 'original' | 'follow-up' | 'reply';
  readonly ephemeral: boolean;
  readonly replyTo: string | undefined;
  readonly nonce: string | undefined;
  readonly body: UnreadJson;
  buttons: readonly { readonly text: string; readonly data: string }[];
  /** What it said before, oldest first. */
  earlier: readonly string[];
  /** What the bot sent as a file; its text is empty then. */
  readonly file?: FormFileSent;
}

/** What goes wrong with the next calls. `cut-*`: the connection breaks before or after the call took effect. */
export type DiscordFault =
  | (CommonFault & { readonly global?: boolean })
  | { readonly kind: 'error'; readonly status: number; readonly code?: number; readonly message?: string };

/** What a person writes; anything of Discord's message object can be given in `extra`. */
export interface DiscordUserMessage {
  readonly channelId: string;
  readonly text: string;
  readonly userId?: string;
  readonly guildId?: string;
  readonly extra?: UnreadJson;
}

/** A signed call of the interactions endpoint. */
export interface SignedCall {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}
