import type { Readable } from 'node:stream';

export interface EgressRequest {
  readonly url: string;
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly signal?: AbortSignal;
  /** Wait for the response head. Default: the policy's `limits.headersMs`. */
  readonly headersTimeoutMs?: number;
  /** Longest silence within the body. Default: the policy's `limits.idleMs`. */
  readonly idleTimeoutMs?: number;
}

export interface EgressResponse {
  readonly status: number;
  /** Names in lower case; repeated headers joined with `, `. */
  readonly headers: Readonly<Record<string, string>>;
  readonly url: string;
  readonly body: Readable;
}

/** Bytes as they come; whoever has it reads it to its end or destroys it. */
export interface ByteSource {
  /** What has come since, in one piece; `undefined` at the end. Rejects with what broke it, after all that came before. */
  next(): Promise<Buffer | undefined>;
  /** Lets go of it: the other side is told to stop. */
  destroy(): void;
}

/** An answer that is only passed on. */
export interface PassedResponse {
  readonly status: number;
  /** Names in lower case; repeated headers joined with `, `. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: ByteSource;
}

/** Longest waits of one client, in milliseconds. */
export interface EgressLimits {
  /** Name resolution, TCP and TLS together. Default 10,000. */
  readonly connectMs?: number;
  /** From the request to the head of the answer. Default 60,000. */
  readonly headersMs?: number;
  /** Silence within the body. Default 60,000. */
  readonly idleMs?: number;
}

/** What one client may reach. */
export interface EgressPolicy {
  /**
   * Host names (`api.example.com`, `*.example.com`), `host:port`, IP addresses or CIDRs on private networks that may be
   * reached all the same; public addresses need no entry. `*` is not accepted. A function is asked at each connection.
   */
  readonly allowPrivate: readonly string[] | (() => readonly string[]);
  /** When given, only these hosts may be reached (`example.com`, `*.example.com`). An empty list denies all. */
  readonly hosts?: readonly string[];
  /** Redirects followed; each hop is checked again and credentials are dropped on a new origin. Default 0. */
  readonly maxRedirects?: number;
  /** Largest body in bytes, counted after decompression; more fails with `payload_too_large`. */
  readonly maxBodyBytes?: number;
  readonly limits?: EgressLimits;
}

/**
 * The only way out of the process over HTTP. Refuses private, loopback, link-local and metadata addresses at connect
 * time, on the address that the connection really uses.
 *
 * Errors: `invalid_request` (no address), `egress_denied`, `timeout`, `upstream_error` (no connection, reset),
 * `payload_too_large`; after an abort, what the signal was aborted with. No message holds credentials, path or query.
 */
export interface EgressClient {
  request(request: EgressRequest): Promise<EgressResponse>;
  /**
   * For answers that are only passed on: asks for no compression, follows no redirect, has no size limit, and costs as
   * little as can be. Failures within the body are the transport's own, with their `code`.
   */
  pass(request: EgressRequest): Promise<PassedResponse>;
  /**
   * A `fetch` for SDKs that take one; same guard, same errors as its rejections; follows no redirect. With `init.signal`
   * only that bounds the call after connecting, unless the policy names limits: a model may be silent for long.
   */
  readonly fetch: typeof globalThis.fetch;
  /**
   * Opens a WebSocket under the same guard; `ws:` or `wss:`. What goes wrong afterwards is told by its `close` event. Error:
   * `egress_denied` or `invalid_request` for an address that may not be asked for.
   */
  openWebSocket(address: string): WebSocket;
  close(): Promise<void>;
}
