import { AppError, type Json } from '../../../base/index.ts';
import type { Queue, QueueName } from '../../../platform/queue/index.ts';
import type { AutomationDeps } from '../automation-deps.ts';
import { assertFields, type LetterHandler, type LetterRow } from './letter-handler.ts';

/** Jobs that keep failing and hold back everything of their key. */
export function createJobLetters(
  deps: Pick<AutomationDeps, 'storage' | 'runs' | 'logger'> & { readonly queue: Queue },
): LetterHandler {
  const { storage, queue, runs, logger } = deps;
  const jobOf = (letter: LetterRow): { name: QueueName; id: string } => {
    const [name = '', id = ''] = letter.ref_id.split(':');
    return { name: name as QueueName, id };
  };
  return {
    payload: () => Promise.resolve(null),
    subject: (letter): Promise<Json> => Promise.resolve(letter.payload ?? {}),
    async retry(_scope, letter, patch, resolve) {
      if (patch !== undefined) assertFields(patch, []);
      const { name, id } = jobOf(letter);
      const done = await storage.transaction(async (trx) => {
        if (!(await resolve(trx, null))) return undefined;
        if (!(await queue.retryNow(name, id, trx)))
          throw new AppError('conflict', 'the job runs now, or is done; look again in a moment');
        return { runId: null };
      });
      return done;
    },
    async discard(scope, letter) {
      const { name, id } = jobOf(letter);
      const job = letter.payload?.['job'];
      const runId = typeof job === 'object' && job !== null && 'runId' in job ? job['runId'] : undefined;
      const outboxId =
        typeof job === 'object' && job !== null && 'outboxId' in job ? job['outboxId'] : undefined;
      // Asked to end first: a run without its job would be queued again.
      if (typeof runId === 'string') {
        await runs.cancel({ ...scope, tenant: letter.tenant }, runId).catch((error: unknown) => {
          logger.debug({ runId, error }, 'the run of a removed job was not cancelled');
        });
      }
      await storage.transaction(async (trx) => {
        if (typeof outboxId === 'string')
          await trx
            .updateTable('outbox')
            .set({ status: 'failed', last_error: 'its job was removed by a person' })
            .where('id', '=', outboxId)
            .where('status', 'in', ['queued', 'sending'])
            .execute();
        await queue.remove(name, id, trx);
      });
    },
  };
}
