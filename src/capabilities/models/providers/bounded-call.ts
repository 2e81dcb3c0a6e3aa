import type { Clock } from '../../../base/index.ts';
import { limitCall, type CallLimits, type CallTimes } from './call-limits.ts';
import { toProviderError, type Upstream } from './provider-error.ts';

/** What bounds the calls of one provider and names its errors. */
export interface CallBounds extends CallTimes {
  readonly upstream: Upstream;
  readonly clock: Clock;
}

/** The bounds of one call of this provider. */
export function boundsOf(deps: CallBounds, signal: AbortSignal): CallLimits {
  return limitCall({ ...deps, who: `${deps.upstream.label} at ${deps.upstream.address}`, signal });
}

/** Does one call within its bounds; rejects with the port's errors, or with the reason of the signal. */
export async function boundedCall<T>(
  deps: CallBounds,
  signal: AbortSignal,
  call: (limits: CallLimits) => Promise<T>,
): Promise<T> {
  const limits = boundsOf(deps, signal);
  try {
    return await limits.race(call(limits));
  } catch (error) {
    if (limits.signal.aborted) throw limits.signal.reason;
    throw toProviderError(deps.upstream, error, { nowMs: deps.clock.now(), begun: false });
  } finally {
    limits.close();
  }
}
