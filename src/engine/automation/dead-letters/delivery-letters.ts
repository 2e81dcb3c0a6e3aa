import { sql } from 'kysely';
import { AppError, isJsonObject, type Json, type JsonObject } from '../../../base/index.ts';
import type { Queue } from '../../../platform/queue/index.ts';
import { deliveryJob } from '../../runs/index.ts';
import type { AutomationDeps } from '../automation-deps.ts';
import { assertFields, type LetterHandler, type LetterRow } from './letter-handler.ts';

/** Responses that no platform took: delivered again, from the part on that was not confirmed. */
export function createDeliveryLetters(
  deps: Pick<AutomationDeps, 'storage' | 'clock'> & { readonly queue: Queue },
): LetterHandler {
  const { storage, clock, queue } = deps;

  const find = (letter: LetterRow) =>
    storage.db
      .selectFrom('outbox')
      .selectAll()
      .where('id', '=', letter.ref_id)
      .where('tenant', '=', letter.tenant)
      .executeTakeFirst();

  return {
    async payload(letter): Promise<JsonObject | null> {
      const row = await find(letter);
      if (row === undefined) return null;
      const text = isJsonObject(row.response) ? row.response['text'] : undefined;
      return text === undefined ? {} : { text };
    },
    async subject(letter): Promise<Json> {
      const row = await find(letter);
      if (row === undefined) return { response_id: letter.ref_id };
      return {
        response_id: row.id,
        run_id: row.run_id,
        status: row.status,
        reply_to: row.reply_to as unknown as Json,
        parts_sent: row.cursor,
        attempts: row.attempts,
        last_error: row.last_error,
        created_at: row.created_at.toISOString(),
      };
    },
    async retry(_scope, letter, patch, resolve) {
      if (patch !== undefined) assertFields(patch, ['text']);
      const text = patch?.['text'];
      if (text !== undefined && (typeof text !== 'string' || text === ''))
        throw new AppError('invalid_request', 'patch.text: expected a text');
      const row = await find(letter);
      if (row === undefined || row.reply_to === null)
        throw new AppError('conflict', 'the response is past its retention; discard the letter');
      if (text !== undefined && row.response === null)
        throw new AppError(
          'invalid_request',
          'patch.text: this is a notice, whose text is made when it is sent',
        );
      const address = row.reply_to;
      return storage.transaction(async (trx) => {
        if (!(await resolve(trx, null))) return undefined;
        // Its age begins anew, or it would at once be too old again. Another text begins at its first part.
        const result = await sql`
          update outbox set status = 'queued', attempts = 0, created_at = ${new Date(clock.now())}::timestamptz,
            cursor = case when ${text ?? null}::text is null then cursor else 0 end,
            response = case when ${text ?? null}::text is null then response
              else jsonb_set(response, '{text}', to_jsonb(${text ?? null}::text)) end
          where id = ${row.id} and status in ('failed', 'unknown')`.execute(trx);
        if (result.numAffectedRows !== 1n)
          throw new AppError('conflict', `response "${row.id}" is ${row.status} and cannot be sent again`);
        await queue.send('deliveries', deliveryJob(row.id, address), trx);
        return { runId: null };
      });
    },
  };
}
