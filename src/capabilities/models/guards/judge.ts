import { AppError, toAppError, withDeadline, type Clock, type Logger } from '../../../base/index.ts';
import type { Metrics } from '../../../platform/observability/index.ts';
import type { ModelCaller } from '../../accounting/index.ts';
import { raceAbort } from '../providers/race-abort.ts';
import { blockedContent } from './blocked-content.ts';
import type { Guard, GuardContext, Verdict } from './guard.ts';

const defaultTimeoutMs = 5000;

/** What judging needs beside the guards. */
export interface JudgeDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'guardVerdicts'>;
}

/** The side of a call that is judged. */
export type GuardSide = 'input' | 'output';

/** Counts what a guard has done. */
export function noteVerdict(
  { metrics }: JudgeDeps,
  guard: Guard,
  side: GuardSide,
  verdict: 'transform' | 'block' | 'error',
): void {
  metrics.guardVerdicts.inc({ guard: guard.name, side, verdict });
}

/**
 * Asks a guard, for as long as it may take. What it lets through comes back; errors: `content_blocked`, also where the guard
 * fails or is late and does not say that such calls may pass; the signal's reason.
 */
export async function judge<T>(
  deps: JudgeDeps,
  guard: Guard,
  side: GuardSide,
  value: T,
  call: { readonly caller: ModelCaller; readonly signal: AbortSignal },
  ask: (context: GuardContext) => Verdict<T> | Promise<Verdict<T>>,
): Promise<T> {
  const { signal, clear } = withDeadline(deps.clock, guard.timeoutMs ?? defaultTimeoutMs, call.signal);
  let verdict: Verdict<T>;
  try {
    verdict = await raceAbort(
      // What it throws at once is a failure as any other.
      new Promise<Verdict<T>>((resolve) => {
        resolve(ask({ caller: call.caller, signal }));
      }),
      signal,
    );
  } catch (error) {
    if (call.signal.aborted) throw toAppError(call.signal.reason);
    if (error instanceof AppError && error.code === 'content_blocked') {
      noteVerdict(deps, guard, side, 'block');
      throw error;
    }
    noteVerdict(deps, guard, side, 'error');
    deps.logger.warn({ guard: guard.name, side, error }, 'a guard failed');
    if (guard.onError === 'allow') return value;
    throw blockedContent(guard.name, 'it could not judge it', error);
  } finally {
    clear();
  }
  if (verdict.action === 'block') {
    noteVerdict(deps, guard, side, 'block');
    throw blockedContent(guard.name, verdict.reason);
  }
  if (verdict.action === 'allow') return value;
  noteVerdict(deps, guard, side, 'transform');
  return verdict.value;
}
