import type { AppError, JsonObject } from '../base/index.ts';
import type { ModelRequest } from '../capabilities/models/index.ts';
import type { FinishReason, Usage } from '../protocol/index.ts';

/** A tool call that a fake model makes. */
export interface FakeToolCall {
  readonly name: string;
  readonly arguments?: JsonObject;
  /** Default `call_1`, `call_2`, …, counted over the life of the fake. */
  readonly id?: string;
  /** Sent in place of `arguments`, to play a model that writes broken JSON. */
  readonly rawArguments?: string;
}

/** One answer of a fake model. All fields may be combined; an empty turn is an empty answer. */
export interface FakeTurn {
  readonly text?: string;
  /** The text in the pieces in which it is streamed; stands in for `text`. */
  readonly chunks?: readonly string[];
  readonly reasoning?: string;
  readonly toolCalls?: readonly FakeToolCall[];
  /** Fails, after `chunks` were sent. */
  readonly error?: AppError;
  /** Waits before it answers. */
  readonly delayMs?: number;
  /** Never answers; only an abort ends the call. */
  readonly hang?: boolean;
  readonly usage?: Partial<Usage>;
  readonly finishReason?: FinishReason;
}

/** A turn, its text alone, or a function that looks at the request first. */
export type FakeTurnSource =
  | string
  | FakeTurn
  | ((request: ModelRequest, callNumber: number) => FakeTurn | string | Promise<FakeTurn | string>);

/** The pieces in which a turn's text is streamed. */
export function chunksOf(turn: FakeTurn): readonly string[] {
  if (turn.chunks !== undefined) return turn.chunks;
  return turn.text === undefined || turn.text === '' ? [] : [turn.text];
}

/** Why a turn ends, unless it says so itself. */
export function finishReasonOf(turn: FakeTurn): FinishReason {
  return turn.finishReason ?? ((turn.toolCalls?.length ?? 0) > 0 ? 'tool-calls' : 'stop');
}
