import type { FastifyReply } from 'fastify';
import { AppError } from '../../base/index.ts';
import type { RouteDeps } from './http-deps.ts';
import { whenStopped } from './when-stopped.ts';

/** Ends when the caller is gone, the server stops or the time is over; the reason is the error to answer with. */
export interface CallerWait {
  readonly signal: AbortSignal;
  /** The caller closed the connection: nobody reads an answer. */
  readonly gone: boolean;
  clear(): void;
}

/** Waits on behalf of a caller; `clear` it when the answer is there. */
export function startCallerWait(
  { clock, lifetime }: Pick<RouteDeps, 'clock' | 'lifetime'>,
  reply: FastifyReply,
  limit?: { readonly milliseconds: number; readonly error: () => AppError },
): CallerWait {
  const controller = new AbortController();
  const { raw } = reply;
  let gone = false;
  const onClose = (): void => {
    if (raw.writableFinished) return;
    gone = true;
    controller.abort(new AppError('cancelled', 'the caller closed the connection'));
  };
  const onStop = (): void =>
    controller.abort(new AppError('not_ready', 'the server is stopping; try again in a moment'));
  if (raw.destroyed) onClose();
  else raw.once('close', onClose);
  const forgetStop = whenStopped(lifetime.stopped, onStop);
  const cancelLimit =
    limit === undefined ? () => {} : clock.after(limit.milliseconds, () => controller.abort(limit.error()));
  return {
    signal: controller.signal,
    get gone() {
      return gone;
    },
    clear: () => {
      cancelLimit();
      raw.off('close', onClose);
      forgetStop();
    },
  };
}
