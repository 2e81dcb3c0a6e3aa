import type { Clock } from '../../base/index.ts';
import type { ChannelState, StateKey } from './channel-state.ts';

/** What holding a lease stands on. */
export interface LeaseDeps {
  readonly state: ChannelState;
  readonly clock: Clock;
  readonly key: StateKey;
  readonly owner: string;
  readonly leaseMs: number;
}

/**
 * Runs `work` while a lease that was taken is renewed in the background. Its signal aborts when the lease is lost;
 * `stillHeld` asks the database, for what must not be written by somebody who was paused.
 */
export async function whileLeased(
  { state, clock, key, owner, leaseMs }: LeaseDeps,
  signal: AbortSignal,
  work: (leased: AbortSignal, stillHeld: () => Promise<boolean>) => Promise<void>,
): Promise<void> {
  const lost = new AbortController();
  let renewedAt = clock.now();
  const renew = async (): Promise<boolean> => {
    const held = await state.acquireLease(key, owner, leaseMs);
    if (held) renewedAt = clock.now();
    else lost.abort(new Error('another process holds this account now'));
    return held;
  };
  const cancel = clock.every(leaseMs / 3, () => {
    renew().catch(() => {
      if (clock.now() - renewedAt >= leaseMs) lost.abort(new Error('the lease could not be renewed'));
    });
  });
  try {
    await work(AbortSignal.any([signal, lost.signal]), renew);
  } catch (error) {
    if (!lost.signal.aborted) throw error;
  } finally {
    cancel();
  }
}
