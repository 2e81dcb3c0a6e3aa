import type { Readable } from 'node:stream';

export interface EgressRequest {
  readonly url: string;
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly signal?: AbortSignal;
  /** Wait for the response head. Default 30,000. */
  readonly headersTimeoutMs?: number;
  /** Longest silence within the body. Default 60,000. */
  readonly idleTimeoutMs?: number;
}

export interface EgressResponse {
  readonly status: number;
  /** Names in lower case; repeated headers joined with `, `. */
  readonly headers: Readonly<Record<string, string>>;
  readonly url: string;
  readonly body: Readable;
}

/** What one client may reach. */
export interface EgressPolicy {
  /**
   * Host names (`api.example.com`, `*.example.com`), `host:port`, IP addresses or CIDRs on private networks that may be
   * reached all the same; public addresses need no entry. `*` is not accepted.
   */
  readonly allowPrivate: readonly string[];
  /** When given, only these hosts may be reached (`example.com`, `*.example.com`). An empty list denies all. */
  readonly hosts?: readonly string[];
  /** Redirects followed; each hop is checked again and credentials are dropped on a new origin. Default 0. */
  readonly maxRedirects?: number;
  /** Largest body in bytes, counted after decompression; more fails with `payload_too_large`. */
  readonly maxBodyBytes?: number;
}

/**
 * The only way out of the process over HTTP. Refuses private, loopback, link-local and metadata addresses at connect
 * time, on the address that the connection really uses.
 *
 * Errors: `egress_denied`, `timeout`, `upstream_error` (no connection, reset), `payload_too_large`.
 */
export interface EgressClient {
  request(request: EgressRequest): Promise<EgressResponse>;
  /** A `fetch` for SDKs that take one; same guard, same errors as its rejections. */
  readonly fetch: typeof globalThis.fetch;
  close(): Promise<void>;
}
