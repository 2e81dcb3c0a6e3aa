import { systemClock } from '../base/index.ts';

/**
 * Delivers as platforms do: again after the next of these waits, until the app answers with 200 or no wait is left. Resolves
 * with the last answer; an aborted signal ends the repetitions.
 */
export async function deliverUntilAcknowledged<Delivery extends { readonly status: number }>(
  deliver: (attempt: number) => Promise<Delivery>,
  options: { readonly waitsMs: readonly number[]; readonly signal: AbortSignal },
): Promise<Delivery> {
  const { waitsMs, signal } = options;
  for (let attempt = 0; ; attempt += 1) {
    const delivery = await deliver(attempt);
    const wait = waitsMs[attempt];
    if (delivery.status === 200 || wait === undefined || signal.aborted) return delivery;
    await systemClock.sleep(wait, { signal }).catch(() => {});
  }
}
