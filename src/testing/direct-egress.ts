import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { AppError } from '../base/index.ts';
import { StreamSource, type EgressClient } from '../platform/http-client/index.ts';

/** An egress client without any guard, for tests against servers on loopback. */
export function createDirectEgress(): EgressClient {
  const client: EgressClient = {
    fetch: globalThis.fetch,
    openWebSocket: (address) => new WebSocket(address),
    close: () => Promise.resolve(),
    async pass(request) {
      const { body, ...head } = await client.request(request);
      return { ...head, body: new StreamSource(body) };
    },
    async request({ url, method = 'GET', headers, body, signal, headersTimeoutMs = 30_000 }) {
      const timeout = AbortSignal.timeout(headersTimeoutMs);
      try {
        const response = await fetch(url, {
          method,
          signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
          ...(headers === undefined ? {} : { headers }),
          ...(body === undefined ? {} : { body: body as string }),
        });
        return {
          status: response.status,
          headers: Object.fromEntries(response.headers),
          url: response.url,
          body:
            response.body === null
              ? Readable.from([])
              : Readable.fromWeb(response.body as ReadableStream<Uint8Array>),
        };
      } catch (error) {
        const code = timeout.aborted ? 'timeout' : 'upstream_error';
        throw new AppError(code, `no answer from ${new URL(url).host}`, { cause: error });
      }
    },
  };
  return client;
}
