import type { ModelEvent } from '../provider.ts';
import type { Begun } from '../router/index.ts';
import type { GatewayCall } from './gateway.ts';
import type { GuardChain } from './guard.ts';

type Events = AsyncIterable<ModelEvent>;

/**
 * The answer as the guards let it be seen. Where they stop it that is its end, whatever its upstream makes of being left;
 * so how it ended is known when the guarded answer is over, or the call's signal aborted.
 */
export function guardEvents(begun: Begun<Events>, guards: GuardChain, call: GatewayCall): Begun<Events> {
  if (!guards.guardsOutput) return begun;
  const { caller, signal } = call;
  const over = Promise.withResolvers<string | undefined>();
  const guarded = guards.output(begun.value, caller, signal);
  async function* told(): AsyncGenerator<ModelEvent, void> {
    let verdict: string | undefined;
    try {
      for await (const event of guarded) {
        const blocked = event.type === 'error' && event.error.details?.['guard'] !== undefined;
        if (blocked) verdict = event.error.code;
        yield event;
      }
    } finally {
      over.resolve(verdict);
    }
  }
  if (signal.aborted) over.resolve(undefined);
  else signal.addEventListener('abort', () => over.resolve(undefined), { once: true });
  return {
    value: told(),
    done: begun.done.then(async (outcome) => {
      const verdict = await over.promise;
      return verdict === undefined ? outcome : { ...outcome, status: verdict };
    }),
  };
}
