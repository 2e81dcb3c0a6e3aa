import type { Json, Service } from '../../base/index.ts';

/** Handles one message. A rejection is logged and counted; it never ends the subscription. */
export type BusHandler = (payload: Json, context: { readonly subject: string }) => void | Promise<void>;

export interface BusSubscription {
  unsubscribe(): Promise<void>;
}

/**
 * Broadcast between modules and processes. Subjects are dot-separated tokens; in a subscription `*` matches one token
 * and `>` (last) one or more. At most once: whoever must not miss something reads the database.
 */
export interface MessageBus extends Service {
  /** Errors: `invalid_request` for a malformed subject. Resolves when the message is handed to the carrier. */
  publish(subject: string, payload: Json): Promise<void>;
  /** Messages of one publisher arrive in order; handlers of one subscription run one at a time. */
  subscribe(pattern: string, handler: BusHandler): Promise<BusSubscription>;
  /** One answer within `timeoutMs` (default 5,000) or the error `timeout`; `not_found` when nobody listens. */
  request(
    subject: string,
    payload: Json,
    options?: { timeoutMs?: number; signal?: AbortSignal },
  ): Promise<Json>;
  /** Answers requests on a subject; a rejection is passed to the asker as its error. */
  respond(
    pattern: string,
    handler: (payload: Json, context: { readonly subject: string }) => Promise<Json>,
  ): Promise<BusSubscription>;
}
