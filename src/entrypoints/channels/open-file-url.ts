import { AppError } from '../../base/index.ts';
import type { EgressClient, EgressResponse } from '../../platform/http-client/index.ts';
import type { OpenedAttachment } from './channel-adapter.ts';
import { SendError } from './send-error.ts';

const answerTimeoutMs = 20_000;
const silenceMs = 30_000;
const mostWaitMs = 300_000;

/** A file of a platform's server. */
export interface FileAddress {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Names the server in errors: addresses hold secrets. */
  readonly server: string;
}

/** Asks a platform's server for a file. Throws `SendError` where there is no answer; the status is the caller's business. */
export async function requestFile(
  egress: EgressClient,
  { url, headers = {}, server }: FileAddress,
  signal: AbortSignal,
): Promise<EgressResponse> {
  try {
    return await egress.request({
      url,
      headers,
      signal,
      headersTimeoutMs: answerTimeoutMs,
      idleTimeoutMs: silenceMs,
    });
  } catch (error) {
    signal.throwIfAborted();
    const code = error instanceof AppError ? error.code : 'upstream_error';
    if (code === 'egress_denied' || code === 'invalid_request')
      throw new SendError('permanent', `its address is none of ${server}`, { code });
    throw new SendError('retry', `${server} did not answer`);
  }
}

/** The file in an answer. Redirects are not followed: they lead to where nobody has looked. */
export function openedFile({ status, headers, body }: EgressResponse, server: string): OpenedAttachment {
  if (status === 200) {
    const length = Number(headers['content-length'] ?? Number.NaN);
    const mimeType = headers['content-type'];
    return {
      body,
      ...(mimeType === undefined ? {} : { mimeType }),
      ...(Number.isSafeInteger(length) ? { sizeBytes: length } : {}),
    };
  }
  body.destroy();
  const why = `${server} answered with status ${status}`;
  if (status === 429) {
    const seconds = Number(headers['retry-after'] ?? Number.NaN);
    const retryAfterMs = Number.isFinite(seconds) ? Math.min(seconds * 1000, mostWaitMs) : 5000;
    throw new SendError('retry', why, { code: 'rate_limited', retryAfterMs });
  }
  throw new SendError(status >= 500 ? 'retry' : 'permanent', why);
}
