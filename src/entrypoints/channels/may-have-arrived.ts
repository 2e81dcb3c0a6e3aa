import { AppError } from '../../base/index.ts';

/** Errors that happen before a byte of the request has left. */
const notConnected = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** Of a call that got no answer: may the platform have received it all the same? */
export function mayHaveArrived(error: unknown): boolean {
  if (error instanceof AppError && error.code === 'egress_denied') return false;
  for (let inner = error; inner instanceof Error; inner = inner.cause) {
    if (notConnected.has((inner as NodeJS.ErrnoException).code ?? '')) return false;
  }
  return true;
}
