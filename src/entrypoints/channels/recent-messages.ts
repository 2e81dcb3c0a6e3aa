import { sql } from 'kysely';
import { isJsonObject, visibleLine, type Json } from '../../base/index.ts';
import type { Storage } from '../../platform/storage/index.ts';

const mostScanned = 20_000;
const longestText = 500;

/** A message that came in through a channel, or an answer on its way out. */
export interface ChannelMessage {
  readonly direction: 'in' | 'out';
  /** ISO 8601. */
  readonly at: string;
  /** In: `accepted`, or `waiting` for its turn. Out: how its delivery stands. */
  readonly status: string;
  readonly chatId: string | null;
  readonly userId: string | null;
  /** At most 500 characters, in one line. */
  readonly text: string;
  readonly runId: string | null;
  readonly error: string | null;
}

interface Row {
  direction: 'in' | 'out';
  at: Date;
  status: string;
  chat_id: string | null;
  user_id: string | null;
  content: Json;
  run_id: string | null;
  error: string | null;
}

/** The newest messages of a channel, newest first. Looks at the newest 20,000 rows of each table. */
export async function recentMessages(
  storage: Storage,
  where: { readonly tenant: string; readonly channel: string; readonly limit: number },
): Promise<readonly ChannelMessage[]> {
  const { tenant, channel, limit } = where;
  const { rows } = await sql<Row>`
    with accepted as (
      select 'in' as direction, received_at as at, 'accepted' as status, request->'replyTo'->>'chatId' as chat_id,
        request->'metadata'->>'user_id' as user_id, request->'input' as content, run_id, null::text as error
      from (select * from inbox where tenant = ${tenant} order by received_at desc limit ${mostScanned}) newest
      where coalesce(request->'replyTo'->>'channel', request->'metadata'->>'channel') = ${channel} order by received_at desc limit ${limit}
    ), kept as (
      select 'in' as direction, received_at as at, 'waiting' as status, message->>'channel_id' as chat_id,
        message->>'user_id' as user_id, message->'text' as content, null::text as run_id, null::text as error
      from chat_messages where tenant = ${tenant} and channel = ${channel} and kind = 'waiting'
      order by received_at desc limit ${limit}
    ), answers as (
      select 'out' as direction, created_at as at, status, reply_to->>'chatId' as chat_id, null::text as user_id,
        coalesce(response->'text', notice->'title') as content, run_id, last_error as error
      from (select * from outbox where tenant = ${tenant} order by created_at desc limit ${mostScanned}) newest
      where reply_to->>'channel' = ${channel} order by created_at desc limit ${limit}
    )
    select * from (select * from accepted union all select * from kept union all select * from answers) found
    order by at desc limit ${limit}`.execute(storage.db);
  return rows.map((row) => ({
    direction: row.direction,
    at: new Date(row.at).toISOString(),
    status: row.status,
    chatId: row.chat_id,
    userId: row.user_id,
    text: visibleLine(textOf(row.content), longestText),
    runId: row.run_id,
    error: row.error,
  }));
}

function textOf(content: Json): string {
  const text = isJsonObject(content) ? content['message'] : content;
  return typeof text === 'string' ? text : JSON.stringify(text ?? null);
}
