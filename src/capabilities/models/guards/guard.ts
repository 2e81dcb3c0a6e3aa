import type { ToolCall } from '../../../protocol/index.ts';
import type { ModelCaller } from '../../accounting/index.ts';
import type { ModelRequest } from '../provider.ts';
import type { TextScan } from './text-scan.ts';

/** What a guard says: let it pass, let this pass instead, or stop the call. */
export type Verdict<T> =
  | { readonly action: 'allow' }
  | { readonly action: 'transform'; readonly value: T }
  | { readonly action: 'block'; readonly reason: string };

/** A whole answer as guards see it. */
export interface GuardedAnswer {
  readonly text: string;
  readonly reasoning: string;
  readonly toolCalls: readonly ToolCall[];
}

/** For whom a guard looks; its signal aborts when the call does or the guard's time is over. */
export interface GuardContext {
  readonly caller: ModelCaller;
  readonly signal: AbortSignal;
}

type Answer<T> = Verdict<T> | Promise<Verdict<T>>;

/**
 * Looks at model calls. `input` sees all of a request, `output` all of an answer: a stream is held back until its end then.
 * `scan` looks for things in any text, asked and answered, while it streams; `watch` sees an answer without holding it back.
 */
export interface Guard {
  readonly name: string;
  input?(request: Omit<ModelRequest, 'model'>, context: GuardContext): Answer<Omit<ModelRequest, 'model'>>;
  output?(answer: GuardedAnswer, context: GuardContext): Answer<GuardedAnswer>;
  readonly scan?: TextScan;
  /** For each answer anew: sees its pieces as they come; returns why the call is to be stopped. */
  watch?(): (piece: string) => string | undefined;
  /** What becomes of a call at which it fails or is late. Default `block`. */
  readonly onError?: 'block' | 'allow';
  /** Milliseconds; default 5000. */
  readonly timeoutMs?: number;
}
