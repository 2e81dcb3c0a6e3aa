import type { AppError } from '../../base/index.ts';
import { noUsage } from '../../protocol/index.ts';
import { toResponse, writeEnding, type RunEnding, type RunRow } from './end-run.ts';
import type { RunEngineDeps } from './engine-deps.ts';
import { RunInterruption } from './interruptions.ts';
import type { RunEventLog } from './run-event-log.ts';
import type { OnRunEnd } from './run-worker.ts';

/**
 * Ends a root run that no worker holds (`queued` or `waiting`), with its waiting children. False when it is held or has
 * ended. Its job, if it has one, finds the run final and is done with it.
 */
export async function endFromOutside(
  deps: RunEngineDeps,
  parts: { readonly events: RunEventLog; readonly onEnd: OnRunEnd },
  runId: string,
  status: 'cancelled' | 'timeout',
  error: AppError,
): Promise<boolean> {
  const run: RunRow | undefined = await deps.storage.db
    .selectFrom('runs')
    .selectAll()
    .where('id', '=', runId)
    .where('status', 'in', ['queued', 'waiting'])
    .where('parent_run_id', 'is', null)
    .executeTakeFirst();
  if (run === undefined || (run.status !== 'queued' && run.status !== 'waiting')) return false;
  const expected = run.status;
  const usage = { inputTokens: run.input_tokens, outputTokens: run.output_tokens, costUsd: run.cost_usd };
  const ending: RunEnding = {
    status,
    output: null,
    text: '',
    error: error.toJSON(),
    usage: usage ?? noUsage,
    messages: [],
  };
  const response = run.request_id === null ? undefined : toResponse(deps, run, ending);
  const { batch, announce } = await parts.events.prepareEnd(runId, {
    type: 'run-end',
    status,
    error: error.toJSON(),
    usage,
  });
  try {
    await deps.storage.transaction(async (trx) => {
      await writeEnding(deps, trx, {
        run,
        epoch: run.epoch,
        expected,
        ending,
        response,
        events: batch,
        job: undefined,
      });
      await trx
        .updateTable('runs')
        .set({ status, ended_at: new Date(deps.clock.now()), error: JSON.stringify(error) })
        .where('root_run_id', '=', runId)
        .where('id', '!=', runId)
        .where('status', 'in', ['queued', 'running', 'waiting'])
        .execute();
    });
  } catch (failure) {
    // A worker took it between the look and the write.
    if (failure instanceof RunInterruption) return false;
    throw failure;
  }
  announce();
  deps.metrics.runs.inc({ agent: run.target_name, status });
  parts.onEnd(run, response);
  return true;
}
