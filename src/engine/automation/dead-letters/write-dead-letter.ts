import type { Transaction } from 'kysely';
import { storable, type JsonObject, type SerializedError } from '../../../base/index.ts';
import type { Database } from '../../../platform/storage/index.ts';

/** Notes for the desk what could not be started. */
export async function writeDeadLetter(
  trx: Transaction<Database>,
  letter: {
    readonly id: string;
    readonly tenant: string;
    readonly kind: 'schedule' | 'sensor';
    readonly ref: string;
    readonly error: SerializedError;
    readonly payload: JsonObject;
    readonly now: number;
  },
): Promise<void> {
  await trx
    .insertInto('dead_letters')
    .values({
      id: letter.id,
      tenant: letter.tenant,
      kind: letter.kind,
      ref_id: letter.ref,
      reason: letter.error.message,
      error: JSON.stringify(letter.error),
      payload: JSON.stringify(storable(letter.payload)),
      created_at: new Date(letter.now),
    })
    .execute();
}
