import { sql, type Transaction } from 'kysely';
import type { Database } from '../../platform/storage/index.ts';
import type { StateKey } from './channel-state.ts';

/** True while the lease of `ChannelState` is the owner's; nobody else gets it before the transaction ends. */
export async function holdsLease(trx: Transaction<Database>, key: StateKey, owner: string): Promise<boolean> {
  const { rows } = await sql`
    select 1 from channel_state where tenant = ${key.tenant} and channel = ${key.channel}
      and account_id = ${key.accountId} and key = ${key.key} and value->>'owner' = ${owner} for share`.execute(
    trx,
  );
  return rows.length === 1;
}
