import {
  AppError,
  canonicalJson,
  fromSerializedError,
  toAppError,
  type Clock,
  type Json,
  type Logger,
  type SerializedError,
} from '../../../base/index.ts';
import type { RunRecording, Scope, TargetKind } from '../../../protocol/index.ts';
import { RunInterruption } from '../interruptions.ts';
import { createMemoryRunContext } from '../memory/memory-run-context.ts';
import type { RunExecutor, RunResult } from '../run-context.ts';
import { differenceText, jsonDifferences } from './json-differences.ts';
import { MissingSteps } from './missing-steps.ts';
import { RecordedExecution } from './recorded-execution.ts';
import { readRecorded } from './recorded-history.ts';
import type { ReplayDifference, RunReplay } from './replay-outcome.ts';

export interface ReplayOptions {
  readonly executors: Readonly<Partial<Record<TargetKind, RunExecutor>>>;
  /** `recorded`: the definition that the run started with. `current`: what its name means today. */
  readonly against: 'recorded' | 'current';
  /** For whom definitions are looked up. */
  readonly scope: Scope;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Applied to inputs and outputs before they are compared: takes out what the recording does not hold either. */
  readonly prepare?: (value: Json) => Json;
  /** Takes other inputs and another end for the new truth: for writing a recording anew. */
  readonly rewrite?: boolean;
  /** An earlier replay against the recorded definition, whose inputs serve to show what differs. */
  readonly earlier?: RunReplay;
}

type Ended =
  | { readonly kind: 'result'; readonly result: RunResult }
  | { readonly kind: 'error'; readonly error: SerializedError }
  | { readonly kind: 'difference'; readonly difference: ReplayDifference }
  | { readonly kind: 'idle' };

/** Ends that came from outside the run: it stopped where it was, with steps open. */
function wasInterrupted({ status, error }: RunRecording['ending']): boolean {
  return !(status === 'completed' || status === 'failed') || error?.code === 'run_crashed';
}

/**
 * Executes a recorded run from its recording alone: steps, waits and children answer from it, and nothing outside is
 * called. Tells the first difference. Error: `invalid_request` for a kind of target that nobody here executes; the
 * signal's reason when aborted.
 */
export function replayRecording(recording: RunRecording, options: ReplayOptions): Promise<RunReplay> {
  return play(recording, options, '');
}

async function play(recording: RunRecording, options: ReplayOptions, path: string): Promise<RunReplay> {
  const { run, ending } = recording;
  const { clock, prepare = (value) => value, rewrite = false } = options;
  const children = new Map<string, RunReplay>();
  let historyTokens = 0;
  const executor = options.executors[run.target.kind];
  if (executor === undefined)
    throw new AppError('invalid_request', `nobody here executes a ${run.target.kind}`);
  const started = await definitionOf(recording, executor, options, path);
  if ('difference' in started) {
    const { difference } = started;
    return {
      difference,
      definition: null,
      definitionHash: '',
      output: null,
      error: null,
      asked: new Map(),
      historyTokens,
      children,
    };
  }

  const stopped = Promise.withResolvers<Ended>();
  const missing = new MissingSteps(clock, () => stopped.resolve({ kind: 'idle' }));
  const execution = new RecordedExecution({
    recording,
    path,
    prepare,
    rewrite,
    inputs: options.earlier?.asked,
    onDifference: (difference) => stopped.resolve({ kind: 'difference', difference }),
    onMissing: (key, asked) => missing.add(key, asked),
    playChild: async (key) => {
      const child = recording.children[key];
      if (child === undefined) return true;
      missing.change(1);
      const { earlier, ...shared } = options;
      const before = earlier?.children.get(key);
      const replay = await play(
        child,
        before === undefined ? shared : { ...shared, earlier: before },
        `${path}${key}/`,
      );
      children.set(key, replay);
      if (replay.difference !== null) stopped.resolve({ kind: 'difference', difference: replay.difference });
      missing.change(-1);
      return replay.difference === null;
    },
  });
  // What is not recorded is never waited for: its step is missing.
  const passed = (): Promise<never> => Promise.resolve(undefined as never);
  const context = createMemoryRunContext(
    {
      runId: run.id,
      rootRunId: run.id,
      scope: { tenant: options.scope.tenant, principal: run.principal, scopes: run.scopes },
      target: run.target,
      sessionId: run.session_id,
      source: run.source,
      input: run.input,
      depth: run.depth,
      effects: run.effects,
      createdAt: run.created_at,
    },
    {
      journal: execution,
      waits: { sleep: passed, signal: passed, approve: passed, child: passed },
      signal: options.signal,
      logger: options.logger,
      emit: () => {},
      history: async (maxTokens) => {
        historyTokens = Math.max(historyTokens, maxTokens);
        return readRecorded(run.history, maxTokens);
      },
      onActivity: (change) => missing.change(change),
    },
  );
  const executed = executor.execute(started.definition, context).then(
    (result): Ended => ({ kind: 'result', result }),
    (error: unknown): Ended =>
      error instanceof RunInterruption
        ? { kind: 'idle' }
        : { kind: 'error', error: toAppError(error).toJSON() },
  );
  const aborted = abortOf(options.signal);
  try {
    const ended = await Promise.race([executed, stopped.promise, aborted.promise]);
    const output = ended.kind === 'result' ? ended.result.output : null;
    return {
      difference: endOf(ended),
      definition: started.definition,
      definitionHash: started.hash,
      output,
      error: ended.kind === 'error' ? ended.error : null,
      asked: execution.asked,
      historyTokens,
      children,
    };
  } finally {
    missing.stop();
    aborted.clear();
  }

  /** What is wrong with how it ended; `null` when it ended as recorded. */
  function endOf(ended: Ended): ReplayDifference | null {
    const differs = (
      reason: ReplayDifference['reason'],
      message: string,
      more: Partial<ReplayDifference> = {},
    ): ReplayDifference => {
      const where = path === '' ? '' : `child run "${path.slice(0, -1)}": `;
      return { reason, step: null, kind: null, differences: [], ...more, message: where + message };
    };
    if (ended.kind === 'difference') return ended.difference;
    if (ended.kind === 'idle') {
      const first = missing.culprit;
      if (first === undefined || wasInterrupted(ending)) return null;
      const { key, asked } = first;
      const open = recording.steps.some((step) => step.key === key);
      return {
        reason: 'missing',
        step: path + key,
        kind: asked.kind,
        message: `step "${path}${key}" (${asked.kind}) is asked for, ${open ? 'but has no recorded result' : 'but is not recorded'}${nextRecorded()}`,
        differences: [],
      };
    }
    if (rewrite) return null;
    if (ended.kind === 'error') {
      const { code, message } = ended.error;
      const recorded = ending.error;
      if (recorded !== null && recorded.code === code && recorded.message === message) return null;
      if (recorded !== null && code === recorded.code && same(message, recorded.message)) return null;
      if (wasInterrupted(ending) && ending.status !== 'waiting' && code !== 'nondeterministic_run')
        return null;
      const before = recorded === null ? ending.status : `${recorded.code}: ${recorded.message}`;
      return differs('error', `ended with ${code}: ${message}; recorded: ${before}`);
    }
    if (ending.status === 'waiting') return differs('status', 'ended, but was recorded as waiting');
    if (ending.status === 'failed' && !wasInterrupted(ending))
      return differs('status', `ended well; recorded: ${ending.error?.code}: ${ending.error?.message}`);
    if (ending.status !== 'completed') return null;
    const unused = recording.steps.find((step) => !execution.asked.has(step.key));
    if (unused !== undefined) {
      const message = `step "${path}${unused.key}" (${unused.kind}) is recorded, but was not asked for`;
      return { reason: 'unused', step: path + unused.key, kind: unused.kind, message, differences: [] };
    }
    if (same(ended.result.output, ending.output)) return null;
    const differences = jsonDifferences(ending.output, prepare(ended.result.output));
    const [first] = differences;
    const text = first === undefined ? '' : ` at ${differenceText(first)}`;
    return differs('output', `the output differs${text}`, { differences });
  }

  function same(now: Json, recorded: Json): boolean {
    return canonicalJson(prepare(now)) === canonicalJson(recorded);
  }

  /** What the recording would have gone on with, for telling a renamed step from a new one. */
  function nextRecorded(): string {
    const next = recording.steps.find((step) => !execution.asked.has(step.key));
    return next === undefined ? '' : `; recorded next: "${next.key}" (${next.kind})`;
  }
}

async function definitionOf(
  recording: RunRecording,
  executor: RunExecutor,
  options: ReplayOptions,
  path: string,
): Promise<{ definition: Json; hash: string } | { difference: ReplayDifference }> {
  const { run } = recording;
  if (options.against === 'recorded') return { definition: run.definition, hash: run.definition_hash };
  try {
    return await executor.snapshot(options.scope, run.target.name);
  } catch (error) {
    const { code, message } = toAppError(error);
    if (code !== 'not_found') throw error;
    const step = path === '' ? null : path.slice(0, -1);
    return { difference: { reason: 'definition', step, kind: null, message, differences: [] } };
  }
}

/** Rejects when the signal aborts. */
function abortOf(signal: AbortSignal): { promise: Promise<never>; clear: () => void } {
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => {
    const reason: unknown = signal.reason;
    const late = reason instanceof Error && reason.name === 'TimeoutError';
    reject(late ? fromSerializedError(tooLong) : (reason as Error));
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  promise.catch(() => {});
  return { promise, clear: () => signal.removeEventListener('abort', onAbort) };
}

const tooLong: SerializedError = new AppError('timeout', 'the replay took too long').toJSON();
