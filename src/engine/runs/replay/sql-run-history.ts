import { createHash } from 'node:crypto';
import {
  AppError,
  canonicalJson,
  withDeadline,
  type Clock,
  type IdGenerator,
  type Json,
  type Logger,
} from '../../../base/index.ts';
import type { BlobStore } from '../../../platform/blobs/index.ts';
import type { Queue } from '../../../platform/queue/index.ts';
import type { Storage } from '../../../platform/storage/index.ts';
import {
  requireScope,
  isFinal,
  type AgentRequest,
  type Cassette,
  type RunRecording,
  type Scope,
  type TargetKind,
} from '../../../protocol/index.ts';
import { resolveRunLetter } from '../resolve-run-letter.ts';
import type { RunExecutor, RunStarter, SubmittedRun } from '../run-context.ts';
import type { ForkRequest, ReplayReport, RunHistory, RunRetrier } from '../run-history.ts';
import type { WithinSubmit } from '../submit-request.ts';
import { diffRecordings, type RunComparison } from './diff-recordings.ts';
import { exportCassette } from './export-cassette.ts';
import { flattenRecording } from './flatten-recording.ts';
import { readEdits } from './fork-edits.ts';
import { approvalsFor, planFork, planResume, resolveStep, runAt } from './fork-plan.ts';
import { jsonDifferences } from './json-differences.ts';
import { readRecording, type StoredRecording } from './read-recording.ts';
import { replayRecording, type ReplayOptions } from './replay-recording.ts';
import type { RunReplay } from './replay-outcome.ts';
import { writeFork, type NewFork } from './write-fork.ts';

/** A replay calls nothing, so what lasts longer than this hangs. */
const longestReplayMs = 60_000;

export interface RunHistoryDeps {
  readonly storage: Storage;
  readonly blobs: BlobStore;
  readonly queue: Queue;
  readonly clock: Clock;
  readonly ids: IdGenerator;
  readonly logger: Logger;
  readonly executors: Readonly<Partial<Record<TargetKind, RunExecutor>>>;
  /** The door for runs that start from their beginning. */
  readonly runs: Pick<RunStarter, 'submitWithin'>;
  /** Told after a run was queued. */
  readonly onQueued: () => void;
  /** What exported cassettes say they come from, and what must not leave with them. */
  readonly cassettes: {
    readonly version: string;
    readonly secrets: () => readonly string[];
    readonly redact: (text: string) => string;
  };
}

function stepCount(replay: RunReplay): number {
  return [...replay.children.values()].reduce((sum, child) => sum + stepCount(child), replay.asked.size);
}

/** Replays, forks and comparisons of the runs in the database. */
export class SqlRunHistory implements RunHistory, RunRetrier {
  readonly #deps: RunHistoryDeps;

  constructor(deps: RunHistoryDeps) {
    this.#deps = deps;
  }

  async recording(scope: Scope, runId: string): Promise<RunRecording> {
    return (await this.#settled(scope, runId)).recording;
  }

  async cassette(scope: Scope, runId: string, options: { readonly pii: boolean }): Promise<Cassette> {
    const { recording } = await this.#settled(scope, runId);
    const { version, secrets, redact } = this.#deps.cassettes;
    return this.#replaying(scope, (replay) =>
      exportCassette(recording, { version, pii: options.pii, secrets: secrets(), redact, replay }),
    );
  }

  async replay(
    scope: Scope,
    runId: string,
    { against }: { readonly against: 'recorded' | 'current' },
  ): Promise<ReplayReport> {
    const { recording } = await this.#settled(scope, runId);
    return this.#replaying(scope, async (options) => {
      const recorded = await replayRecording(recording, { ...options, against: 'recorded' });
      const replay =
        against === 'recorded'
          ? recorded
          : await replayRecording(recording, { ...options, against, earlier: recorded });
      return {
        runId,
        against,
        identical: replay.difference === null,
        steps: stepCount(replay),
        difference: replay.difference,
        definitionChanges:
          against === 'recorded' || replay.definition === null
            ? []
            : jsonDifferences(recording.run.definition, replay.definition),
      };
    });
  }

  async fork(scope: Scope, runId: string, request: ForkRequest): Promise<SubmittedRun> {
    const origin = await this.#settled(scope, runId);
    const effects = request.effects === true ? 'on' : 'off';
    const path = resolveStep(origin, request.from);
    const edits = readEdits(origin, request);
    const definitions = await this.#definitions(scope, origin, path, request);
    const definition = definitions.get('') ?? recordedOf(origin);
    this.#executor(origin.row.target_kind).accept?.(definition.definition, edits.input);
    const plan = planFork(
      origin,
      path,
      { executors: this.#deps.executors, outputs: edits.outputs, approvals: approvalsFor(effects) },
      new Map([...definitions].filter(([place]) => place !== '')),
    );
    return wanted(
      await this.#write(scope, origin, {
        plan,
        from: path.join('/'),
        definition,
        input: edits.input,
        effects,
        sessionId: request.session === true ? origin.row.session_id : null,
        replyTo: null,
        onlyOnce: false,
      }),
    );
  }

  async resume(scope: Scope, runId: string): Promise<SubmittedRun> {
    const origin = await this.#settled(scope, runId);
    const { row, recording } = origin;
    if (row.status !== 'failed' && row.status !== 'timeout')
      throw new AppError(
        'conflict',
        `run "${runId}" is ${row.status}; only a run that failed or timed out can be resumed`,
      );
    if (row.parent_run_id !== null)
      throw new AppError('conflict', `run "${runId}" is a child; resume run "${row.root_run_id}"`);
    const { plan, from } = planResume(origin, { executors: this.#deps.executors });
    return wanted(
      await this.#write(scope, origin, {
        plan,
        from: from.length === 0 ? null : from.join('/'),
        definition: recordedOf(origin),
        input: recording.run.input,
        effects: row.effects,
        sessionId: row.session_id,
        replyTo: row.reply_to,
        onlyOnce: true,
        within: async (trx, newRunId) => {
          await this.#resolveLetter(trx, scope, runId, newRunId, 'resumed');
          return true;
        },
      }),
    );
  }

  async retry(scope: Scope, runId: string): Promise<SubmittedRun> {
    return wanted(
      await this.retryWithin(scope, runId, {}, async (trx, newRunId) => {
        await this.#resolveLetter(trx, scope, runId, newRunId, null);
        return true;
      }),
    );
  }

  async retryWithin(
    scope: Scope,
    runId: string,
    change: Parameters<RunRetrier['retryWithin']>[2],
    within: WithinSubmit,
  ): Promise<SubmittedRun | undefined> {
    const origin = await this.#settled(scope, runId);
    const { row } = origin;
    if (row.status === 'completed' || row.status === 'waiting')
      throw new AppError(
        'conflict',
        `run "${runId}" is ${row.status}; only a run that failed, timed out or was cancelled can be retried`,
      );
    const request = { ...(await this.#requestOf(origin)), ...change };
    // Whoever has a run go on executes its target in their own name.
    requireScope(scope, `${request.target.kind}s:invoke`);
    if (row.effects === 'on') return this.#deps.runs.submitWithin(scope, request, within);
    if (request.target.kind !== row.target_kind || request.target.name !== row.target_name)
      throw new AppError(
        'conflict',
        `run "${runId}" is a fork without effects; its target cannot be changed`,
      );
    const executor = this.#executor(row.target_kind);
    const definition = await executor.snapshot(scope, row.target_name);
    executor.accept?.(definition.definition, request.input);
    return this.#write(scope, origin, {
      plan: { origin, keep: [], outputs: new Map(), children: new Map() },
      from: null,
      definition,
      input: request.input,
      effects: 'off',
      sessionId: row.session_id,
      replyTo: null,
      onlyOnce: false,
      within,
    });
  }

  async diff(scope: Scope, runA: string, runB: string): Promise<RunComparison> {
    const [a, b] = await Promise.all([
      readRecording(this.#deps, scope, runA),
      readRecording(this.#deps, scope, runB),
    ]);
    return diffRecordings(a.recording, b.recording);
  }

  /** A run whose journal does not grow under our hands. */
  async #settled(scope: Scope, runId: string): Promise<StoredRecording> {
    const found = await readRecording(this.#deps, scope, runId);
    const { status } = found.row;
    if (!isFinal(status) && status !== 'waiting')
      throw new AppError('conflict', `run "${runId}" is ${status}; wait until it has ended, or cancel it`);
    return found;
  }

  async #replaying<T>(
    scope: Scope,
    work: (options: Omit<ReplayOptions, 'against'>) => Promise<T>,
  ): Promise<T> {
    const { executors, clock, logger } = this.#deps;
    const { signal, clear } = withDeadline(clock, longestReplayMs);
    try {
      return await work({ executors, scope, clock, logger, signal });
    } finally {
      clear();
    }
  }

  #executor(kind: TargetKind): RunExecutor {
    const executor = this.#deps.executors[kind];
    if (executor === undefined)
      throw new AppError('invalid_request', `targets of kind "${kind}" cannot be run by this server`);
    return executor;
  }

  async #write(
    scope: Scope,
    origin: StoredRecording,
    fork: Pick<NewFork, 'plan' | 'from' | 'definition' | 'effects' | 'sessionId' | 'onlyOnce' | 'within'> &
      Pick<AgentRequest, 'input' | 'replyTo'>,
  ): Promise<SubmittedRun | undefined> {
    const { row } = origin;
    requireScope(scope, `${row.target_kind}s:invoke`);
    const { input, replyTo, ...rest } = fork;
    const timeoutMs = row.deadline_at === null ? null : row.deadline_at.getTime() - row.created_at.getTime();
    const submitted = await writeFork(this.#deps, {
      ...rest,
      scope,
      timeoutMs,
      request: {
        source: row.source,
        target: { kind: row.target_kind, name: row.target_name },
        input,
        sessionKey: null,
        dedupeKey: null,
        replyTo,
        timeoutMs,
        metadata: fork.onlyOnce ? { ...row.metadata, resumed_from: row.id } : row.metadata,
      },
    });
    this.#deps.onQueued();
    return submitted;
  }

  /** A dead letter about the run is dealt with by a run that takes its place. */
  #resolveLetter(
    trx: Parameters<WithinSubmit>[0],
    scope: Scope,
    runId: string,
    newRunId: string,
    note: string | null,
  ): Promise<void> {
    const now = new Date(this.#deps.clock.now());
    return resolveRunLetter(trx, { scope, runId, newRunId, note, now });
  }

  /** What a fork and the children on the way to its step go on with where that is not what is recorded, by path. */
  async #definitions(
    scope: Scope,
    origin: StoredRecording,
    path: readonly string[],
    request: ForkRequest,
  ): Promise<ReadonlyMap<string, { hash: string; definition: Json }>> {
    const made = new Map<string, { hash: string; definition: Json }>();
    const last = runAt(origin, path);
    for (let length = 0; length < path.length; length += 1) {
      const run = runAt(origin, path.slice(0, length + 1));
      const executor = this.#executor(run.row.target_kind);
      const { hash, definition } =
        request.definition === 'current'
          ? await executor.snapshot(scope, run.row.target_name)
          : recordedOf(run);
      const changed =
        request.model === undefined || run !== last
          ? { hash, definition }
          : withModel(run, executor, definition, request.model);
      if (changed.hash !== run.row.definition_hash) made.set(path.slice(0, length).join('/'), changed);
      if (run === last) break;
    }
    return made;
  }

  /** The request that led to a run, as far as it is still there. */
  async #requestOf({ row }: StoredRecording): Promise<AgentRequest> {
    const { db } = this.#deps.storage;
    const accepted = await db
      .selectFrom('inbox')
      .select('request')
      .where('run_id', '=', row.id)
      .executeTakeFirst();
    const session = await db
      .selectFrom('sessions')
      .select('key')
      .where('id', '=', row.session_id ?? '')
      .executeTakeFirst();
    return {
      timeoutMs: null,
      ...accepted?.request,
      source: row.source,
      target: { kind: row.target_kind, name: row.target_name },
      input: row.input,
      sessionKey: session?.key ?? null,
      dedupeKey: null,
      replyTo: row.reply_to,
      metadata: { ...row.metadata, retry_of: row.id },
    };
  }
}

const recordedOf = ({ recording }: StoredRecording): { hash: string; definition: Json } => ({
  hash: recording.run.definition_hash,
  definition: recording.run.definition,
});

/** For writes that nothing can keep from being made. */
function wanted(submitted: SubmittedRun | undefined): SubmittedRun {
  if (submitted === undefined) throw new AppError('internal', 'the run was not written');
  return submitted;
}

function withModel(
  run: StoredRecording,
  executor: RunExecutor,
  definition: Json,
  model: string,
): { hash: string; definition: Json } {
  const { id, target } = run.recording.run;
  if (executor.withModel === undefined) {
    const agents = [...flattenRecording(run.recording)].filter(([, step]) => step.kind === 'model');
    const below = agents.map(([key]) => key).find((key) => key.includes('/'));
    throw new AppError(
      'invalid_request',
      `model: run "${id}" is one of ${target.kind} "${target.name}", which has no model of its own; name a step of an agent below it${below === undefined ? '' : `, such as from "${below}"`}`,
    );
  }
  const changed = executor.withModel(definition, model);
  const hash = createHash('sha256').update(canonicalJson(changed)).digest('base64url');
  return { hash, definition: changed };
}
