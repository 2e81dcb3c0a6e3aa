import { isJsonObject, type Json } from '../../../base/index.ts';
import type {
  RecordedStep,
  RecordedUsage,
  RunRecording,
  RunStatus,
  RunTarget,
} from '../../../protocol/index.ts';
import { flattenRecording } from './flatten-recording.ts';
import { jsonDifferences, type JsonDifference } from './json-differences.ts';

/** One side of a comparison of runs. Durations are of the steps that the run did itself, one after the other. */
export interface ComparedRun {
  readonly id: string;
  readonly target: RunTarget;
  readonly definition_hash: string;
  readonly status: RunStatus;
  readonly usage: RecordedUsage;
  readonly steps: number;
  readonly step_ms: number;
}

export interface ComparedSide {
  readonly kind: RecordedStep['kind'];
  readonly status: RecordedStep['status'];
  readonly error: string | null;
  readonly usage: RecordedUsage;
  /** `null`: it has not ended. */
  readonly duration_ms: number | null;
}

/** A step of either run, by its path; the side that does not have it is `null`. */
export interface ComparedStep {
  readonly step: string;
  /** Kind, status, result and error are equal; usage and duration do not count. */
  readonly same: boolean;
  readonly a: ComparedSide | null;
  readonly b: ComparedSide | null;
  readonly output: readonly JsonDifference[];
}

/** Two runs side by side. */
export interface RunComparison {
  readonly a: ComparedRun;
  readonly b: ComparedRun;
  readonly definition: readonly JsonDifference[];
  readonly input: readonly JsonDifference[];
  readonly output: readonly JsonDifference[];
  readonly steps: readonly ComparedStep[];
}

function durationOf(step: RecordedStep): number | null {
  return step.ended_at === null ? null : Date.parse(step.ended_at) - Date.parse(step.started_at);
}

function toSide(step: RecordedStep | undefined): ComparedSide | null {
  if (step === undefined) return null;
  const { kind, status, error, usage } = step;
  return {
    kind,
    status,
    error: error === null ? null : `${error.code}: ${error.message}`,
    usage,
    duration_ms: durationOf(step),
  };
}

/** The ids of child runs are never equal and say nothing. */
function comparable({ kind, output }: RecordedStep): Json {
  if (kind !== 'run' || !isJsonObject(output)) return output;
  const { runId: _id, usage: _usage, ...rest } = output;
  return rest;
}

function toRun(recording: RunRecording, steps: ReadonlyMap<string, RecordedStep>): ComparedRun {
  const { run, ending } = recording;
  return {
    id: run.id,
    target: run.target,
    definition_hash: run.definition_hash,
    status: ending.status,
    usage: ending.usage,
    steps: steps.size,
    step_ms: recording.steps.reduce((sum, step) => sum + (durationOf(step) ?? 0), 0),
  };
}

/** Compares two runs step by step, children included, in the order of the first one's steps. */
export function diffRecordings(a: RunRecording, b: RunRecording): RunComparison {
  const ofA = flattenRecording(a);
  const ofB = flattenRecording(b);
  const steps = [...new Set([...ofA.keys(), ...ofB.keys()])].map((step): ComparedStep => {
    const one = ofA.get(step);
    const two = ofB.get(step);
    const output =
      one === undefined || two === undefined ? [] : jsonDifferences(comparable(one), comparable(two));
    const [sideA, sideB] = [toSide(one), toSide(two)];
    const same =
      sideA !== null &&
      sideB !== null &&
      output.length === 0 &&
      sideA.kind === sideB.kind &&
      sideA.status === sideB.status &&
      sideA.error === sideB.error;
    return { step, same, a: sideA, b: sideB, output };
  });
  return {
    a: toRun(a, ofA),
    b: toRun(b, ofB),
    definition: jsonDifferences(a.run.definition, b.run.definition),
    input: jsonDifferences(a.run.input, b.run.input),
    output: jsonDifferences(a.ending.output, b.ending.output),
    steps,
  };
}
