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
  /** Microseconds since 1970 UTC, later than that of every step begun before. */
  readonly startedAt: number;
  /** Microseconds since 1970 UTC. */
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

/** ISO 8601 with microseconds, the finest that PostgreSQL tells apart, of microseconds since 1970 UTC. */
export function preciseTime(microseconds: number): string {
  const milliseconds = Math.floor(microseconds / 1000);
  const rest = String(microseconds - milliseconds * 1000).padStart(3, '0');
  return new Date(milliseconds).toISOString().replace('Z', `${rest}Z`);
}
