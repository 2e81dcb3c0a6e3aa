import type { HealthReport, Json, Service } from '../../base/index.ts';

/** Handles one message. A rejection is logged and counted; it never ends the subscription. */
export type BusHandler = (payload: Json, context: { readonly subject: string }) => void | Promise<void>;

/** Answers one request; a rejection is the asker's error. */
export type Responder = (payload: Json, context: { readonly subject: string }) => Promise<Json>;

export interface BusSubscription {
  unsubscribe(): Promise<void>;
}

export interface RequestOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Broadcast between modules and processes. Subjects are dot-separated tokens; in a subscription `*` matches one token
 * and `>` (last) one or more. At most once: whoever must not miss something reads the database.
 *
 * `start` resolves without its broker too, and fails only where the broker refuses us. While it is away `publish` and
 * `request` fail with `storage_unavailable`; subscriptions begin, and come back, by themselves.
 */
export interface MessageBus extends Service {
  /** Errors: `invalid_request` for a malformed subject. Resolves when the message is handed to the carrier. */
  publish(subject: string, payload: Json): Promise<void>;
  /** Messages of one publisher arrive in order; handlers of one subscription run one at a time. */
  subscribe(pattern: string, handler: BusHandler): Promise<BusSubscription>;
  /** One answer within `timeoutMs` (default 5,000) or the error `timeout`; `not_found` when nobody listens. */
  request(subject: string, payload: Json, options?: RequestOptions): Promise<Json>;
  /** Answers requests on a subject; several responders of one pattern take turns. */
  respond(pattern: string, handler: Responder): Promise<BusSubscription>;
  /** Left out where there is no broker that could be away. */
  health?(signal: AbortSignal): Promise<HealthReport>;
}
