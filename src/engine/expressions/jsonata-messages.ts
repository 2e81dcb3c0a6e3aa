/** What the main process asks of the worker; one at a time. */
export interface JsonataRequest {
  readonly id: number;
  readonly expression: string;
  /** JSON. */
  readonly input: string;
  readonly timeoutMs: number;
}

export type JsonataReply =
  | { readonly kind: 'value'; readonly id: number; /** JSON. */ readonly value: string }
  | {
      readonly kind: 'failed';
      readonly id: number;
      readonly message: string;
      /** Offset in the expression. */
      readonly position?: number | undefined;
    };
