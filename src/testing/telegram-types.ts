import type { FormFileSent } from './read-multipart.ts';

/** A message that the bot has sent. */
export interface SentMessage {
  readonly messageId: number;
  readonly chatId: string;
  /** What a person sees, markup taken away. */
  readonly text: string;
  /** What the bot sent. */
  readonly source: string;
  readonly parseMode: string | undefined;
  readonly threadId: number | undefined;
  readonly replyTo: number | undefined;
  /** What can be pressed below it. */
  readonly buttons: readonly { readonly text: string; readonly data: string }[];
  /** What the bot sent as a file; its text is empty then. */
  readonly file?: FormFileSent;
}

/** What goes wrong with the next calls of a method. `cut-*`: the connection breaks before or after the call took effect. */
export type TelegramFault =
  | { readonly kind: 'rate-limit'; readonly retryAfterSeconds: number }
  | { readonly kind: 'error'; readonly status: number; readonly description: string }
  | { readonly kind: 'slow'; readonly delayMs: number }
  | { readonly kind: 'cut-before' }
  | { readonly kind: 'cut-after' };

/** What a person does; anything of Telegram's message object can be given in `extra`. */
export interface UserMessage {
  readonly chatId: number;
  readonly text?: string;
  readonly userId?: number;
  readonly firstName?: string;
  readonly chatType?: 'private' | 'group' | 'supergroup';
  readonly extra?: Readonly<Record<string, unknown>>;
}
