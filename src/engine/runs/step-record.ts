import type { SerializedError } from '../../base/index.ts';
import type { StepKind, Usage } from '../../protocol/index.ts';

/** A step as it is written to the journal. */
export interface StepRecord {
  readonly key: string;
  readonly kind: StepKind;
  readonly status: 'started' | 'completed' | 'failed';
  readonly digest: string;
  readonly attempts: number;
  readonly output: StepOutput;
  readonly error: SerializedError | null;
  readonly usage: Usage;
  /** Milliseconds since 1970 UTC. */
  readonly startedAt: number;
  readonly endedAt: number | null;
}

/** Where an output is: its JSON text in the row, or in a blob that was stored before. */
export interface StepOutput {
  /** JSON text; null without an output and for one that is in a blob. */
  readonly json: string | null;
  readonly blob: string | null;
  /** Bytes of the JSON text. */
  readonly bytes: number;
}

export const noOutput: StepOutput = { json: null, blob: null, bytes: 0 };
