import type { Generated } from 'kysely';
import type { Message } from '../../protocol/index.ts';
import type { JsonColumn, NullableTimestamp, Timestamp } from './columns.ts';

/** A message that waits for its turn, or talk that the next turn is shown. */
export interface ChatMessagesTable {
  /** A number on the embedded database. */
  id: Generated<string | number>;
  tenant: string;
  /** Name of the channel definition. */
  channel: string;
  session_key: string;
  kind: 'waiting' | 'context';
  source: string;
  dedupe_key: string;
  message: JsonColumn<Message>;
  received_at: Timestamp;
  /** How often its files were asked for. */
  fetch_tries: Generated<number>;
  /** Nobody else asks for its files before then; `null`: at once. */
  fetch_at: NullableTimestamp;
}

/** A pairing code; of the code itself only its HMAC is kept. */
export interface PairingCodesTable {
  id: string;
  tenant: string;
  /** Name of the channel definition. */
  channel: string;
  platform: string;
  account_id: string;
  user_id: string;
  user_name: string | null;
  /** `request`: an operator has to approve it. `invitation`: the person sends it. */
  purpose: 'request' | 'invitation';
  /** Whom the platform's user is linked to, such as `user:ada`. */
  subject: string | null;
  code_hmac: string;
  created_at: Timestamp;
  expires_at: Timestamp;
  used_at: NullableTimestamp;
}

/** A user of a platform who may write to an account of ours. */
export interface PairingsTable {
  tenant: string;
  platform: string;
  account_id: string;
  user_id: string;
  user_name: string | null;
  subject: string | null;
  paired_by: string;
  paired_at: Timestamp;
}

/** A try of a pairing code that was not known to be right. */
export interface PairingTriesTable {
  id: Generated<string>;
  tenant: string;
  platform: string;
  account_id: string;
  user_id: string;
  tried_at: Timestamp;
}

/** A message that shows the answer of a run while it is written. */
export interface AnswerPreviewsTable {
  run_id: string;
  tenant: string;
  /** Name of the channel definition. */
  channel: string;
  chat_id: string;
  /** The platform's user who asked. */
  user_id: string;
  /** The platform's id of the message; `null` until the platform has told it. */
  message_id: string | null;
  /** The response that took the message's place. */
  outbox_id: string | null;
  created_at: Timestamp;
  /** From then on only the response changes the message. */
  ended_at: NullableTimestamp;
}
