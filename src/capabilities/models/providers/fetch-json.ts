import { tryParseJson, type Json, type JsonObject } from '../../../base/index.ts';
import { statusError, type Upstream } from './provider-error.ts';

/**
 * Reads a JSON answer of the provider, of a `POST` where there is a body; rejects with the port's errors, or what
 * `fetch` rejected with.
 */
export async function fetchJson(deps: {
  readonly fetch: typeof globalThis.fetch;
  readonly upstream: Upstream;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: JsonObject;
  readonly signal: AbortSignal;
  readonly nowMs: number;
}): Promise<Json> {
  const { upstream, url, headers, signal, nowMs } = deps;
  const response = await deps.fetch(url, {
    signal,
    ...(headers === undefined ? {} : { headers }),
    ...(deps.body === undefined
      ? {}
      : {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...headers },
          body: JSON.stringify(deps.body),
        }),
  });
  const text = await response.text();
  const body = tryParseJson(text);
  if (!response.ok)
    throw statusError(
      upstream,
      { status: response.status, headers: Object.fromEntries(response.headers), body: text },
      nowMs,
    );
  if (body === undefined) throw new SyntaxError(`no JSON at ${upstream.address}`);
  return body;
}
