import { AppError, type ErrorCode, type Json, type SerializedError } from '../../base/index.ts';
import { noUsage, type RunTarget, type Usage } from '../../protocol/index.ts';
import type { RunContext } from '../runs/index.ts';

/** Errors with which a child never began, and of which whoever asked for it can be told. */
const refusals: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'not_found',
  'invalid_definition',
  'invalid_request',
  'limit_exceeded',
]);

/** What came of a run of another target. */
export interface ChildReport {
  /** `null` when it was refused before it began. */
  readonly runId: string | null;
  readonly status: 'completed' | 'failed' | 'cancelled' | 'timeout';
  readonly output: Json;
  readonly usage: Usage;
  readonly error: SerializedError | null;
}

/**
 * Executes another target as a child run. Failure is a report: of the child, or of the attempt to start it, such as
 * runs that are nested too deep. Throws what ends this run too: interruptions, cancellation, faults of storage.
 */
export async function runChild(
  context: Pick<RunContext, 'child'>,
  key: string,
  target: RunTarget,
  input: Json,
): Promise<ChildReport> {
  try {
    const { runId, status, output, usage, error } = await context.child(key, target, input);
    // A child comes back only when it has ended.
    const ended = status === 'completed' || status === 'cancelled' || status === 'timeout';
    return { runId, status: ended ? status : 'failed', output, usage, error };
  } catch (error) {
    if (!(error instanceof AppError) || !refusals.has(error.code)) throw error;
    return { runId: null, status: 'failed', output: null, usage: noUsage, error: error.toJSON() };
  }
}
