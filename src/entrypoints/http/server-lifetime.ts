/** Signals of the server's end, in their order. */
export interface ServerLifetime {
  /** No new requests; streams that can be taken up again elsewhere end. */
  readonly closing: AbortSignal;
  /** The time for answers under way is over. */
  readonly stopped: AbortSignal;
}
