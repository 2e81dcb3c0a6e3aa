import type { EgressClient } from '../../../platform/http-client/index.ts';
import { mayHaveArrived } from '../may-have-arrived.ts';
import { SendError } from '../send-error.ts';

const longestAnswerMs = 30_000;
const longestRetryAfterMs = 24 * 3_600_000;
const shortestRetryAfterMs = 1000;
const throttledMs = 60_000;

/**
 * Posts a body and says what a failure means: 2xx is there; 410 and `webhook-delivery: abort-message` are final; 429
 * waits as long as it is told; all else is a failed try, the next one not before its `Retry-After`. Redirects are not
 * followed. Throws `SendError`.
 */
export async function postAnswer(
  egress: EgressClient,
  post: {
    readonly url: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
    readonly nowMs: number;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { signal, nowMs, ...request } = post;
  const host = URL.parse(post.url)?.host ?? 'the receiver';
  let status: number;
  let headers: Readonly<Record<string, string>>;
  try {
    const response = await egress.request({
      ...request,
      method: 'POST',
      signal,
      headersTimeoutMs: longestAnswerMs,
      idleTimeoutMs: longestAnswerMs,
    });
    ({ status, headers } = response);
    // Nothing in it is wanted.
    response.body.on('error', () => {}).destroy();
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    const why = error instanceof Error ? error.message : 'no connection';
    throw new SendError(mayHaveArrived(error) ? 'ambiguous' : 'retry', `${host} did not answer: ${why}`);
  }
  if (status >= 200 && status < 300) return;
  const reason = `${host} answered ${status}`;
  if (status === 410 || headers['webhook-delivery'] === 'abort-message')
    throw new SendError('permanent', `${reason} and wants no more of it`);
  const asked = readRetryAfter(headers['retry-after'], nowMs);
  if (status === 429)
    throw new SendError('retry', reason, { code: 'rate_limited', retryAfterMs: asked ?? throttledMs });
  throw new SendError('retry', reason, asked === undefined ? {} : { leastWaitMs: asked });
}

/** Seconds, or the date of HTTP. */
function readRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  const milliseconds = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs;
  return Number.isNaN(milliseconds)
    ? undefined
    : Math.min(Math.max(shortestRetryAfterMs, milliseconds), longestRetryAfterMs);
}
