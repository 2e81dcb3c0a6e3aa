import { sql } from 'kysely';
import { AppError, type Clock } from '../../base/index.ts';
import { sqlState, type Storage } from '../../platform/storage/index.ts';
import { fenced } from './interruptions.ts';
import { persist } from './persist.ts';
import { preciseTime, type StepRecord } from './step-record.ts';

const mostRows = 500;
const mostCharacters = 4 * 1024 * 1024;

interface Pending {
  readonly step: StepRecord;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Writes the steps of one execution. A lone step is written at once; those that come while a write is under way go
 * together in the next one. Each statement checks the run's epoch under a row lock: a stale execution's steps are all
 * refused, and nobody else's. They become durable in the order in which they came, and none does after one that was given
 * up: a later step may follow from an earlier one.
 */
export class StepWriter {
  readonly #storage: Pick<Storage, 'db'>;
  readonly #clock: Clock;
  readonly #runId: string;
  readonly #epoch: number;
  #waiting: Pending[] = [];
  #isWriting = false;
  #fault: AppError | undefined;

  constructor(deps: { storage: Pick<Storage, 'db'>; clock: Clock }, owner: { runId: string; epoch: number }) {
    this.#storage = deps.storage;
    this.#clock = deps.clock;
    this.#runId = owner.runId;
    this.#epoch = owner.epoch;
  }

  /**
   * Resolves when the step is durable. Rejects with `RunInterruption` when the run is another worker's, with
   * `output_invalid` when the database refuses the data, and with storage faults after a minute of trying.
   */
  write(step: StepRecord): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      this.#waiting.push({ step, resolve, reject });
      if (!this.#isWriting) void this.#drain();
    });
  }

  async #drain(): Promise<void> {
    this.#isWriting = true;
    while (this.#waiting.length > 0) await this.#writeBatch(this.#takeBatch());
    this.#isWriting = false;
  }

  #takeBatch(): readonly Pending[] {
    let count = 0;
    for (let characters = 0; count < Math.min(this.#waiting.length, mostRows); count += 1) {
      characters += this.#waiting[count]?.step.output.json?.length ?? 0;
      if (characters > mostCharacters && count > 0) break;
    }
    const batch = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    return batch;
  }

  /** Settles every write of the batch; never rejects. */
  async #writeBatch(batch: readonly Pending[]): Promise<void> {
    if (this.#fault !== undefined) {
      for (const { reject } of batch) reject(this.#fault);
      return;
    }
    try {
      const [only] = batch;
      const written =
        batch.length === 1 && only !== undefined
          ? await this.#persist(() => this.#insertOne(only.step))
          : await this.#persist(() => this.#insertMany(batch.map(({ step }) => step)));
      for (const { step, resolve, reject } of batch) {
        if (written.has(step.key)) resolve();
        else reject(fenced(this.#runId));
      }
    } catch (error) {
      // The platform's fault, after a minute of trying; a step's own fault comes as what the database says.
      if (error instanceof AppError) this.#fault = error;
      if (batch.length === 1 || error instanceof AppError) {
        for (const { step, reject } of batch) reject(refusal(step, error));
      } else {
        // The database refused one of them: the others are written without it.
        for (const pending of batch) await this.#writeBatch([pending]);
      }
    }
  }

  #persist<T>(write: () => Promise<T>): Promise<T> {
    return persist(write, this.#clock);
  }

  async #insertOne(step: StepRecord): Promise<ReadonlySet<string>> {
    const { numAffectedRows } = await sql`
      with held as (select 1 from runs where id = ${this.#runId} and epoch = ${this.#epoch} and status = 'running' for share)
      insert into run_steps as s (run_id, key, kind, status, digest, epoch, attempts, output, output_blob, output_bytes, error,
        input_tokens, output_tokens, cost_usd, started_at, ended_at)
      select ${this.#runId}, ${step.key}, ${step.kind}, ${step.status}, ${step.digest}, ${this.#epoch}::int, ${step.attempts}::int,
        ${step.output.json}::jsonb, ${step.output.blob}, ${step.output.bytes}::int,
        ${step.error === null ? null : JSON.stringify(step.error)}::jsonb,
        ${step.usage.inputTokens}::int, ${step.usage.outputTokens}::int, ${step.usage.costUsd}::float8,
        ${preciseTime(step.startedAt)}::timestamptz, ${step.endedAt === null ? null : preciseTime(step.endedAt)}::timestamptz
      from held
      on conflict (run_id, key) do update set status = excluded.status, epoch = excluded.epoch,
        attempts = excluded.attempts, output = excluded.output, output_blob = excluded.output_blob,
        output_bytes = excluded.output_bytes, error = excluded.error,
        input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens, cost_usd = excluded.cost_usd,
        started_at = excluded.started_at, ended_at = excluded.ended_at
      where s.status = 'started' or s.epoch = excluded.epoch`.execute(this.#storage.db);
    return new Set(numAffectedRows === 1n ? [step.key] : []);
  }

  async #insertMany(steps: readonly StepRecord[]): Promise<ReadonlySet<string>> {
    const { rows } = await sql<{ key: string }>`
      with held as (select 1 from runs where id = ${this.#runId} and epoch = ${this.#epoch} and status = 'running' for share)
      insert into run_steps as s (run_id, key, kind, status, digest, epoch, attempts, output, output_blob, output_bytes, error,
        input_tokens, output_tokens, cost_usd, started_at, ended_at)
      select ${this.#runId}, g.key, g.kind, g.status, g.digest, ${this.#epoch}::int, g.attempts, g.output, g.output_blob,
        g.output_bytes, g.error, g.input_tokens, g.output_tokens, g.cost_usd, g.started_at, g.ended_at
      from held, json_to_recordset(${rowsAsJson(steps)}::json) as g(key text, kind text, status text, digest text,
        attempts int, output jsonb, output_blob text, output_bytes int, error jsonb, input_tokens int, output_tokens int,
        cost_usd float8, started_at timestamptz, ended_at timestamptz)
      on conflict (run_id, key) do update set status = excluded.status, epoch = excluded.epoch,
        attempts = excluded.attempts, output = excluded.output, output_blob = excluded.output_blob,
        output_bytes = excluded.output_bytes, error = excluded.error,
        input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens, cost_usd = excluded.cost_usd,
        started_at = excluded.started_at, ended_at = excluded.ended_at
      where s.status = 'started' or s.epoch = excluded.epoch
      returning key`.execute(this.#storage.db);
    return new Set(rows.map(({ key }) => key));
  }
}

function rowsAsJson(steps: readonly StepRecord[]): string {
  const rows = steps.map((step) => {
    const row = JSON.stringify({
      key: step.key,
      kind: step.kind,
      status: step.status,
      digest: step.digest,
      attempts: step.attempts,
      output_blob: step.output.blob,
      output_bytes: step.output.bytes,
      error: step.error,
      input_tokens: step.usage.inputTokens,
      output_tokens: step.usage.outputTokens,
      cost_usd: step.usage.costUsd,
      started_at: preciseTime(step.startedAt),
      ended_at: step.endedAt === null ? null : preciseTime(step.endedAt),
    });
    // The output is JSON already.
    return step.output.json === null ? row : `${row.slice(0, -1)},"output":${step.output.json}}`;
  });
  return `[${rows.join(',')}]`;
}

/** What PostgreSQL says about data that it cannot hold (class 22) is a fault of the step, not of the platform. */
function refusal(step: StepRecord, error: unknown): unknown {
  if (sqlState(error)?.startsWith('22') !== true) return error;
  return new AppError(
    'output_invalid',
    `the result of step "${step.key}" cannot be stored: ${error instanceof Error ? error.message : 'refused'}`,
    { details: { step: step.key }, cause: error, retryable: false },
  );
}
