import { z } from 'zod';
import { AppError, type Clock, type Json } from '../../../base/index.ts';
import { durationMs, eventName } from '../../../protocol/index.ts';
import { eventSignal } from '../../runs/index.ts';
import { defineDurableAction } from '../define-action.ts';
import type { DurableAction, DurableIo } from '../workflow-action.ts';

/** Sleeps, but not beyond the time-out of the step. */
async function sleepWithin(durable: DurableIo, milliseconds: number): Promise<void> {
  const { key, timeoutMs, context } = durable;
  await context.sleep(key, Math.min(milliseconds, timeoutMs ?? milliseconds));
  if (timeoutMs !== undefined && timeoutMs < milliseconds)
    throw new AppError('timeout', `the wait takes longer than the step's timeout of ${timeoutMs} ms`);
}

async function receive(
  durable: DurableIo,
  what: { readonly kind: 'event' | 'signal'; readonly name: string },
  ownTimeoutMs: number | undefined,
): Promise<Json> {
  const limits = [ownTimeoutMs, durable.timeoutMs].filter((one) => one !== undefined);
  const timeoutMs = limits.length === 0 ? undefined : Math.min(...limits);
  const name = what.kind === 'event' ? eventSignal(what.name) : what.name;
  const options = timeoutMs === undefined ? {} : { timeoutMs };
  const payload = await durable.context.waitForSignal(durable.key, name, options);
  if (payload === undefined)
    throw new AppError('timeout', `no ${what.kind} "${what.name}" came within ${timeoutMs} ms`);
  return { payload };
}

/** Waits for time, an event or a signal; the run costs one row meanwhile. */
export function createWait(deps: { readonly clock: Clock }): DurableAction {
  return defineDurableAction({
    name: 'wait',
    description: 'Waits for a while, until a time, for an event, or for a signal to this run.',
    inputs: z
      .strictObject({
        duration: durationMs.optional().describe('Such as 90s, 2h or 3d; a number counts as milliseconds.'),
        until: z
          .string()
          .min(1)
          .optional()
          .describe('ISO 8601 with a time zone, such as 2026-03-01T09:00:00Z.'),
        event: eventName.optional().describe('Name of a published event.'),
        signal: z
          .string()
          .min(1)
          .max(200)
          .optional()
          .describe('Name of a signal: POST /api/v1/runs/{id}/signals/{name}.'),
        timeout: durationMs
          .optional()
          .describe('Event and signal: after this long the step fails with the code timeout.'),
      })
      .refine(
        ({ duration, until, event, signal }) =>
          [duration, until, event, signal].filter((one) => one !== undefined).length === 1,
        'expected exactly one of duration, until, event, signal',
      ),
    output: z
      .object({
        payload: z.unknown().optional().describe('What came with the event or signal.'),
        waited_ms: z.number().optional(),
      })
      .describe('Event and signal: {payload}. Duration and until: {waited_ms}.'),
    holdsSlot: false,
    run: async ({ inputs }, durable) => {
      const { duration, until, event, signal, timeout } = inputs;
      if (event !== undefined) return receive(durable, { kind: 'event', name: event }, timeout);
      if (signal !== undefined) return receive(durable, { kind: 'signal', name: signal }, timeout);
      if (duration !== undefined) {
        await sleepWithin(durable, duration);
        return { waited_ms: duration };
      }
      const due = /(?:Z|[+-]\d{2}:?\d{2})$/.test(until ?? '') ? Date.parse(until ?? '') : Number.NaN;
      if (Number.isNaN(due))
        throw new AppError(
          'invalid_request',
          `inputs.until: expected a time such as "2026-03-01T09:00:00Z", found "${until}"`,
        );
      // How long that is depends on when it is asked, so the answer belongs to the journal.
      const milliseconds = await durable.context.step(
        `${durable.key}:from`,
        'compute',
        () => Promise.resolve(Math.max(0, due - deps.clock.now())),
        { input: { until: until ?? null } },
      );
      await sleepWithin(durable, milliseconds);
      return { waited_ms: milliseconds };
    },
  });
}
