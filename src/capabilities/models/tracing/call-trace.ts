import { AsyncLocalStorage } from 'node:async_hooks';
import type { TraceHeaders, TraceSpan } from '../../../platform/observability/index.ts';
import type { Deployment } from '../router/index.ts';

/** The trace of one call, wherever in the gateway it is now. */
export interface CallTrace {
  readonly span: TraceSpan;
  /** Who answers, once that is known. */
  deployment?: Deployment;
}

/** The call under way. */
export const currentCall = new AsyncLocalStorage<CallTrace>();

/** What requests to the upstream of the attempt under way have to bear. */
export const currentHeaders = new AsyncLocalStorage<TraceHeaders>();
