import type { Json, SerializedError } from '../../../base/index.ts';
import type { StepKind } from '../../../protocol/index.ts';
import type { JsonDifference } from './json-differences.ts';

/** The first thing in which an execution departs from its recording. */
export interface ReplayDifference {
  /**
   * `input`: a step was asked with other input. `kind`: it is of another kind. `missing`: the recording does not hold it.
   * `unused`: it was not asked for. `output`, `error`, `status`: how the run ended. `definition`: what it executes.
   */
  readonly reason: 'input' | 'kind' | 'missing' | 'unused' | 'output' | 'error' | 'status' | 'definition';
  /** Key of the step, behind the keys of the steps that led to its run (`delegate/model:1`); `null` for the run as a whole. */
  readonly step: string | null;
  readonly kind: StepKind | null;
  /** The whole story in a sentence. */
  readonly message: string;
  /** Recorded against asked now, where both are known. */
  readonly differences: readonly JsonDifference[];
}

/** What one step was asked with. */
export interface AskedStep {
  readonly kind: StepKind;
  readonly input: Json;
  readonly digest: string;
}

/** What came of playing one recording, its children included. */
export interface RunReplay {
  readonly difference: ReplayDifference | null;
  readonly definition: Json;
  readonly definitionHash: string;
  readonly output: Json;
  readonly error: SerializedError | null;
  /** By key, in the order in which they were asked. */
  readonly asked: ReadonlyMap<string, AskedStep>;
  /** The largest history that was asked for, in tokens; 0 when none was. */
  readonly historyTokens: number;
  readonly children: ReadonlyMap<string, RunReplay>;
}
