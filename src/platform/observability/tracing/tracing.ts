/** What is said of a span; `undefined` is left out. */
export type SpanAttributes = Readonly<
  Record<string, string | number | boolean | readonly string[] | undefined>
>;

/** Where a span belongs: headers of W3C Trace Context. */
export interface TraceHeaders {
  readonly traceparent: string;
  readonly tracestate?: string;
}

export interface SpanStart {
  readonly kind: 'client' | 'internal';
  readonly attributes?: SpanAttributes;
}

/** One thing that takes time. Nothing of it throws; after its end nothing of it has an effect. */
export interface TraceSpan {
  set(attributes: SpanAttributes): void;
  event(name: string, attributes: SpanAttributes): void;
  child(name: string, start: SpanStart): TraceSpan;
  /** For whoever is called within it. */
  headers(): TraceHeaders;
  /** `errorType`: it failed, as what. */
  end(errorType?: string): void;
}

/** Where spans are made. */
export interface Tracing {
  /** `parent`: what the caller's request says; anything that is no trace context is no parent. */
  start(name: string, start: SpanStart & { readonly parent?: Partial<TraceHeaders> }): TraceSpan;
  /** Sends what is waiting, for at most five seconds. */
  stop(): Promise<void>;
}
