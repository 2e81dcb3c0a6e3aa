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
  /** Milliseconds since 1970 UTC, with microseconds behind the point: later than that of every step begun before. */
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

/** One microsecond in milliseconds: the finest that PostgreSQL tells apart. */
export const microsecond = 0.001;

/** ISO 8601 with microseconds, of milliseconds since 1970 UTC. */
export function preciseTime(milliseconds: number): string {
  const whole = Math.floor(milliseconds);
  const micros = Math.min(999, Math.round((milliseconds - whole) / microsecond));
  return new Date(whole).toISOString().replace('Z', `${String(micros).padStart(3, '0')}Z`);
}
