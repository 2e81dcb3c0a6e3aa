import { sql } from 'kysely';
import type { AppError } from '../../base/index.ts';
import { noUsage } from '../../protocol/index.ts';
import { endDescendants } from './end-descendants.ts';
import { toResponse, writeEnding, type RunEnding, type RunRow } from './end-run.ts';
import type { RunEngineDeps } from './engine-deps.ts';
import { RunInterruption } from './interruptions.ts';
import type { EventBatch, RunEventLog } from './run-event-log.ts';
import type { OnRunEnd } from './run-worker.ts';
import { wakeRun } from './suspend-run.ts';

/**
 * Ends a run that no worker holds (`queued` or `waiting`), with the runs below it. False when it is held or has ended.
 * Its job, if it has one, finds the run final and is done with it; the parent of a child is woken to see its end.
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
  let announceBelow = (): void => {};
  try {
    await deps.storage.transaction(async (trx) => {
      // Root first, as a suspension does.
      if (run.parent_run_id !== null)
        await sql`select id from runs where id = ${run.root_run_id} for no key update`.execute(trx);
      await writeEnding(deps, trx, {
        run,
        epoch: run.epoch,
        expected,
        ending,
        response,
        events: batch,
        job: undefined,
      });
      const below = { status, error, batches: new Map<string, EventBatch>() };
      announceBelow = await endDescendants(trx, { clock: deps.clock, events: parts.events }, runId, below);
      if (run.parent_run_id !== null) await wakeRun(deps, trx, run.root_run_id);
    });
  } catch (failure) {
    // A worker took it between the look and the write.
    if (failure instanceof RunInterruption) return false;
    throw failure;
  }
  announce();
  announceBelow();
  deps.metrics.runs.inc({ agent: run.target_name, status });
  parts.onEnd(run, response);
  return true;
}
