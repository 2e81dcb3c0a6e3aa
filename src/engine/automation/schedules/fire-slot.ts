import { sql, type Transaction } from 'kysely';
import { toAppError, type JsonObject } from '../../../base/index.ts';
import type { Database } from '../../../platform/storage/index.ts';
import type { AgentRequest, ScheduleSpec } from '../../../protocol/index.ts';
import type { AutomationDeps } from '../automation-deps.ts';
import { writeDeadLetter } from '../dead-letters/write-dead-letter.ts';
import { automationScope, isPassing, startRequest } from '../start-request.ts';
import type { FollowedSchedule } from './schedule-directory.ts';
import {
  advance,
  changeSlot,
  countQueued,
  holdUnpaused,
  openRuns,
  writeSlot,
  type SlotKey,
} from './schedule-records.ts';

/** `stale`: another process was first, or the schedule changed; look at its state again. */
export type SlotResult =
  | { readonly kind: 'fired'; readonly runId: string }
  | { readonly kind: 'skipped' | 'queued' | 'failed' | 'stale' | 'busy' };

/** Names a slot where only one text fits. */
function slotRef(name: string, slot: number): string {
  return `${name}@${new Date(slot).toISOString()}`;
}

/** What a slot starts. Errors: those of `startRequest`. */
export function requestOfSlot(
  deps: Pick<AutomationDeps, 'evaluate'>,
  of: { readonly name: string; readonly spec: Pick<ScheduleSpec, 'start' | 'inputs' | 'sessionKey'> },
  slot: number,
): Promise<AgentRequest> {
  const at = new Date(slot).toISOString();
  return startRequest(deps.evaluate, {
    source: 'schedule',
    name: of.name,
    target: of.spec.start,
    inputs: of.spec.inputs,
    sessionKey: of.spec.sessionKey,
    variables: { slot: at, schedule: of.name },
    metadata: { schedule: of.name, slot: at },
  });
}

/** What the desk shows and sends again of a slot that could not be started. */
function payloadOfSlot(of: SlotKey & { readonly spec: ScheduleSpec }): JsonObject {
  return {
    schedule: of.name,
    slot: new Date(of.slot).toISOString(),
    target: { ...of.spec.start },
    inputs: of.spec.inputs as JsonObject,
  };
}

/** Starts the run of a slot: the slot's row, the mark up to which slots are decided, and the run are one transaction. */
export async function fireSlot(
  deps: AutomationDeps,
  schedule: FollowedSchedule,
  slot: number,
  catchUp: boolean,
): Promise<SlotResult> {
  const { clock, runs, storage } = deps;
  const { spec, record } = schedule;
  const key: SlotKey = { tenant: schedule.tenant, name: schedule.name, slot };
  const now = clock.now();
  const reason = catchUp ? 'catch_up' : null;
  let result: SlotResult = { kind: 'stale' };
  let superseded: readonly string[] = [];
  try {
    const request = await requestOfSlot(deps, schedule, slot);
    const scope = automationScope(key.tenant, 'schedule', key.name);
    const submitted = await runs.submitWithin(scope, request, async (trx, runId) => {
      result = { kind: 'stale' };
      if (!(await advance(trx, record, slot))) return false;
      const open = spec.overlap === 'allow' ? [] : await openRuns(trx, key);
      const queued = spec.overlap === 'queue' ? await countQueued(trx, key) : 0;
      if (spec.overlap === 'queue' && (open.length > 0 || queued > 0) && queued < spec.maxCatchUp) {
        const written = await writeSlot(trx, { ...key, outcome: 'queued', reason: 'overlap', now });
        result = { kind: written ? 'queued' : 'skipped' };
        return false;
      }
      if ((spec.overlap === 'skip' || spec.overlap === 'queue') && open.length > 0) {
        await writeSlot(trx, { ...key, outcome: 'skipped', reason: 'overlap', now });
        result = { kind: 'skipped' };
        return false;
      }
      result = { kind: 'skipped' };
      const keepOpen = spec.overlap !== 'allow';
      if (!(await writeSlot(trx, { ...key, outcome: 'fired', reason, runId, open: keepOpen, now })))
        return false;
      if (spec.overlap === 'cancel') {
        await requestCancel(trx, open, now);
        superseded = open;
      }
      deps.failpoint?.('slot-before-commit');
      return true;
    });
    deps.failpoint?.('slot-after-commit');
    if (submitted === undefined) return result;
    for (const runId of superseded) await cancelRun(deps, key.tenant, key.name, runId);
    return { kind: 'fired', runId: submitted.runId };
  } catch (error) {
    if (isPassing(error) || !mayGiveUp(error, schedule)) throw error;
    const failure = toAppError(error).toJSON();
    return storage.transaction(async (trx) => {
      if (!(await advance(trx, record, slot))) return { kind: 'stale' };
      const written = await writeSlot(trx, { ...key, outcome: 'failed', reason: failure.message, now });
      if (!written) return { kind: 'skipped' };
      await writeDeadLetter(trx, {
        id: deps.ids('dlq'),
        tenant: key.tenant,
        kind: 'schedule',
        ref: slotRef(key.name, slot),
        error: failure,
        payload: payloadOfSlot({ ...key, spec }),
        now,
      });
      return { kind: 'failed' };
    });
  }
}

/** Starts the oldest slot that waits, once no earlier run is under way. */
export async function fireQueued(
  deps: AutomationDeps,
  schedule: FollowedSchedule,
  slot: number,
): Promise<SlotResult> {
  const { clock, runs, storage } = deps;
  const key: SlotKey = { tenant: schedule.tenant, name: schedule.name, slot };
  const now = clock.now();
  let result: SlotResult = { kind: 'stale' };
  try {
    const request = await requestOfSlot(deps, schedule, slot);
    const scope = automationScope(key.tenant, 'schedule', key.name);
    const submitted = await runs.submitWithin(scope, request, async (trx, runId) => {
      result = { kind: 'stale' };
      if (!(await holdUnpaused(trx, key))) return false;
      if ((await openRuns(trx, key)).length > 0) {
        result = { kind: 'busy' };
        return false;
      }
      return changeSlot(trx, {
        ...key,
        from: 'queued',
        to: 'fired',
        reason: 'queued',
        runId,
        open: true,
        now,
      });
    });
    return submitted === undefined ? result : { kind: 'fired', runId: submitted.runId };
  } catch (error) {
    if (isPassing(error) || !mayGiveUp(error, schedule)) throw error;
    const failure = toAppError(error).toJSON();
    return storage.transaction(async (trx) => {
      if (!(await changeSlot(trx, { ...key, from: 'queued', to: 'failed', reason: failure.message, now })))
        return { kind: 'stale' };
      await writeDeadLetter(trx, {
        id: deps.ids('dlq'),
        tenant: key.tenant,
        kind: 'schedule',
        ref: slotRef(key.name, slot),
        error: failure,
        payload: payloadOfSlot({ ...key, spec: schedule.spec }),
        now,
      });
      return { kind: 'failed' };
    });
  }
}

const mostUnknownFailures = 5;

/** A fault with a name fails in the same way again; an unknown one may pass, but not for ever. */
function mayGiveUp(error: unknown, schedule: Pick<FollowedSchedule, 'failures'>): boolean {
  const { code } = toAppError(error);
  return code !== 'internal' || schedule.failures >= mostUnknownFailures;
}

/** Also without what `cancel` does after the commit the runs are known to have to end. */
async function requestCancel(
  trx: Transaction<Database>,
  runIds: readonly string[],
  now: number,
): Promise<void> {
  if (runIds.length === 0) return;
  await sql`
    update runs set cancel_requested_at = ${new Date(now)}::timestamptz where id = any(${[...runIds]})`.execute(
    trx,
  );
}

async function cancelRun(deps: AutomationDeps, tenant: string, name: string, runId: string): Promise<void> {
  try {
    await deps.runs.cancel(automationScope(tenant, 'schedule', name), runId);
  } catch (error) {
    // It has ended meanwhile, or the request in its row is found by whoever takes it up.
    deps.logger.debug({ error, runId, schedule: name }, 'an earlier run was not cancelled');
  }
}
