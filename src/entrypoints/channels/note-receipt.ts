import { sql } from 'kysely';
import { AppError, type Clock, type IdGenerator, type Logger } from '../../base/index.ts';
import { deliveryJob } from '../../engine/runs/index.ts';
import type { Metrics } from '../../platform/observability/index.ts';
import type { Queue } from '../../platform/queue/index.ts';
import type { Storage } from '../../platform/storage/index.ts';
import type { ReplyAddress } from '../../protocol/index.ts';
import type { DeliveryReceipt } from './channel-adapter.ts';
import { readChunkKey } from './chunk-key.ts';

const unexplained = 'the platform could not deliver the message';

/** What receipts change. */
export interface NoteReceiptDeps {
  readonly storage: Storage;
  readonly queue: Queue;
  readonly clock: Clock;
  readonly ids: IdGenerator;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

interface AcceptedRow {
  tenant: string;
  status: string;
  reply_to: ReplyAddress;
}

/**
 * Notes what a platform says later of a message that it has accepted. A response of which a part failed is no longer
 * `sent`: it is sent again where that helps, else it goes to the dead-letter desk, from where it goes on at that part.
 * Error: `not_ready` while the response is still being sent; the receipt has to come again.
 */
export async function noteReceipt(
  deps: NoteReceiptDeps,
  channel: string,
  receipt: DeliveryReceipt,
): Promise<void> {
  if (receipt.status === 'failed') {
    const chunk = receipt.key === undefined ? undefined : readChunkKey(receipt.key);
    if (chunk !== undefined) await recordFailure(deps, channel, chunk, receipt);
    deps.logger.warn(
      { key: receipt.key, reason: receipt.reason, again: receipt.again !== undefined },
      'a message that the platform had accepted was not delivered',
    );
  }
  deps.metrics.channelReceipts.inc({ channel, status: receipt.status });
}

async function recordFailure(
  { storage, queue, clock, ids }: NoteReceiptDeps,
  channel: string,
  { outboxId, cursor }: { outboxId: string; cursor: number },
  { reason = unexplained, again }: DeliveryReceipt,
): Promise<void> {
  const error = reason.slice(0, 1000);
  await storage.transaction(async (trx) => {
    const { rows } = await sql<AcceptedRow>`
      select tenant, status, reply_to from outbox
      where id = ${outboxId} and reply_to->>'channel' = ${channel} for update`.execute(trx);
    const row = rows[0];
    // Past its retention, or of another channel.
    if (row === undefined) return;
    if (again !== undefined && hasAll(row.reply_to, again)) return;
    if (row.status === 'queued' || row.status === 'sending')
      throw new AppError('not_ready', `response "${outboxId}" is still being sent`);
    const change = sql`cursor = least(cursor, ${cursor}::int), last_error = ${error}`;
    if (again !== undefined && row.status === 'sent') {
      const address = { ...row.reply_to, ...again };
      await sql`
        update outbox set status = 'queued', ${change}, reply_to = ${JSON.stringify(address)}::jsonb
        where id = ${outboxId}`.execute(trx);
      await queue.send('deliveries', deliveryJob(outboxId, address), trx);
      return;
    }
    await sql`update outbox set status = 'failed', ${change} where id = ${outboxId}`.execute(trx);
    if (row.status !== 'sent') return;
    await trx
      .insertInto('dead_letters')
      .values({
        id: ids('dlq'),
        tenant: row.tenant,
        kind: 'delivery',
        ref_id: outboxId,
        reason: error,
        created_at: new Date(clock.now()),
      })
      .execute();
  });
}

function hasAll(address: ReplyAddress, fields: Partial<ReplyAddress>): boolean {
  return Object.entries(fields).every(([name, value]) => address[name as keyof ReplyAddress] === value);
}
