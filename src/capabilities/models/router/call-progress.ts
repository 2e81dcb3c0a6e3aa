import type { Attempt, DispatchRequest } from './dispatch.ts';
import { RouteLog } from './route-log.ts';

/** How far one call is, over all groups and attempts. */
export interface CallProgress<T> {
  readonly request: DispatchRequest;
  readonly attempt: Attempt<T>;
  readonly log: RouteLog;
  /** Groups gone through, in order. */
  readonly groups: string[];
  readonly startMs: number;
  /** End of the whole call, epoch milliseconds. */
  readonly endMs: number;
  attempts: number;
  /** Time that upstreams took. */
  upstreamMs: number;
}

/** A call that has just come. */
export function beginCall<T>(
  request: DispatchRequest,
  attempt: Attempt<T>,
  startMs: number,
  endMs: number,
): CallProgress<T> {
  return { request, attempt, log: new RouteLog(), groups: [], startMs, endMs, attempts: 0, upstreamMs: 0 };
}
