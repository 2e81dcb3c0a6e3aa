import { fromSerializedError, type Json } from '../../../base/index.ts';
import type { RecordedStep, RunRecording } from '../../../protocol/index.ts';
import { forever } from '../durable-waits.ts';
import type { RunStep, StepOptions } from '../run-context.ts';
import { askedTwice, isSameStep, stepDigest } from '../step-digest.ts';
import { differenceText, jsonDifferences } from './json-differences.ts';
import type { AskedStep, ReplayDifference } from './replay-outcome.ts';

interface RecordedExecutionOptions {
  readonly recording: RunRecording;
  /** Keys of the steps that led to this run, each followed by a slash. */
  readonly path: string;
  /** Applied to an input before it is compared. */
  readonly prepare: (input: Json) => Json;
  /** Inputs that the recorded definition leads to, where the recording holds none itself. */
  readonly inputs: ReadonlyMap<string, AskedStep> | undefined;
  /** Takes other input for the new truth instead of a difference. */
  readonly rewrite: boolean;
  /** Plays the child of a step; false when it differs. */
  readonly playChild: (key: string) => Promise<boolean>;
  /** The first difference; nothing that is asked afterwards is answered. */
  readonly onDifference: (difference: ReplayDifference) => void;
  /** A step that the recording has no result of. Never resolves; rejects when nothing else is left to do. */
  readonly onMissing: (key: string, asked: AskedStep) => Promise<never>;
}

/** Answers steps from a recording and never makes one. */
export class RecordedExecution {
  readonly asked = new Map<string, AskedStep>();
  readonly #options: RecordedExecutionOptions;
  readonly #steps: ReadonlyMap<string, RecordedStep>;

  constructor(options: RecordedExecutionOptions) {
    this.#options = options;
    this.#steps = new Map(options.recording.steps.map((step) => [step.key, step]));
  }

  /** True for a step that the recording has a result of. */
  has(key: string): boolean {
    const status = this.#steps.get(key)?.status;
    return status === 'completed' || status === 'failed';
  }

  readonly step: RunStep = async <T extends Json>(
    key: string,
    kind: Parameters<RunStep>[1],
    _run: unknown,
    options: StepOptions,
  ): Promise<T> => {
    if (this.asked.has(key)) throw askedTwice(key);
    const input = this.#options.prepare(options.input);
    const asked: AskedStep = { kind, input, digest: stepDigest(kind, input) };
    this.asked.set(key, asked);
    const recorded = this.#steps.get(key);
    if (recorded !== undefined) {
      const difference = this.#differenceOf(recorded, asked);
      if (difference !== undefined) {
        this.#options.onDifference(difference);
        return forever<T>();
      }
    }
    if (kind === 'run' && !(await this.#options.playChild(key))) return forever<T>();
    if (recorded === undefined || recorded.status === 'started') return this.#options.onMissing(key, asked);
    if (recorded.status === 'completed') return recorded.output as T;
    throw fromSerializedError(
      recorded.error ?? { code: 'internal', message: 'step failed', retryable: false },
    );
  };

  #differenceOf(recorded: RecordedStep, asked: AskedStep): ReplayDifference | undefined {
    if (isSameStep(recorded, asked.kind, asked.digest)) return undefined;
    const { path, rewrite, inputs } = this.#options;
    const step = path + recorded.key;
    if (recorded.kind !== asked.kind) {
      const message = `step "${step}" was recorded as ${recorded.kind} and is asked for as ${asked.kind}`;
      return { reason: 'kind', step, kind: asked.kind, message, differences: [] };
    }
    if (rewrite) return undefined;
    const before = recorded.input ?? inputs?.get(recorded.key)?.input;
    const differences = before === undefined ? [] : jsonDifferences(before, asked.input);
    const first = differences[0];
    const message = `step "${step}" (${asked.kind}) is asked for with other input than recorded${first === undefined ? '' : `: ${differenceText(first)}`}`;
    return { reason: 'input', step, kind: asked.kind, message, differences };
  }
}
