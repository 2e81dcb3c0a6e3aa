import { sql } from 'kysely';
import type { Clock, Json, JsonObject, Logger, Service } from '../../../../base/index.ts';
import type { Storage } from '../../../../platform/storage/index.ts';
import type { Scope } from '../../../../protocol/index.ts';
import { longestChain, type ResponseStore, type StoredResponse } from './response-store.ts';

interface Row {
  id: string;
  previous_id: string | null;
  session_id: string | null;
  input: string;
  response: string;
}

const sweepEveryMs = 3_600_000;
const batch = 1000;

function fromRow(row: Row): StoredResponse {
  return {
    id: row.id,
    previousId: row.previous_id,
    sessionId: row.session_id,
    input: JSON.parse(row.input) as readonly Json[],
    response: JSON.parse(row.response) as JsonObject,
  };
}

interface SqlResponseStoreDeps {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Older responses are deleted. */
  readonly retentionMs: number;
}

/** Responses in the table `model_responses`; once an hour those whose time is over are deleted. */
export class SqlResponseStore implements ResponseStore, Service {
  readonly name = 'responses';
  readonly #deps: SqlResponseStoreDeps;
  #cancelSweeps: (() => void) | undefined;
  #sweeping: Promise<void> | undefined;

  constructor(deps: SqlResponseStoreDeps) {
    this.#deps = deps;
  }

  start(): Promise<void> {
    const { clock, logger } = this.#deps;
    this.#cancelSweeps ??= clock.every(sweepEveryMs, () => {
      this.#sweeping ??= this.sweep()
        .catch((error: unknown) => logger.warn({ error }, 'old responses could not be deleted'))
        .finally(() => {
          this.#sweeping = undefined;
        });
    });
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#cancelSweeps?.();
    this.#cancelSweeps = undefined;
    await this.#sweeping;
  }

  /** Deletes what is too old, in small transactions. */
  async sweep(): Promise<void> {
    const { storage, clock, retentionMs } = this.#deps;
    const before = new Date(clock.now() - retentionMs);
    for (;;) {
      const { rows } = await sql<{ id: string }>`
        delete from model_responses where (tenant, id) in (
          select tenant, id from model_responses where created_at < ${before}::timestamptz
          order by created_at limit ${batch})
        returning id`.execute(storage.db);
      if (rows.length < batch) return;
    }
  }

  async put(
    { tenant }: Scope,
    { id, previousId, sessionId, input, response }: StoredResponse,
  ): Promise<void> {
    const { storage, clock } = this.#deps;
    await sql`
      insert into model_responses (tenant, id, previous_id, session_id, input, response, created_at)
      values (${tenant}, ${id}, ${previousId}, ${sessionId}, ${JSON.stringify(input)}, ${JSON.stringify(response)},
        ${new Date(clock.now())}::timestamptz)
      on conflict (tenant, id) do nothing`.execute(storage.db);
  }

  async find({ tenant }: Scope, ids: readonly string[]): Promise<readonly StoredResponse[]> {
    if (ids.length === 0) return [];
    const { rows } = await sql<Row>`
      select id, previous_id, session_id, input, response from model_responses
      where tenant = ${tenant} and id = any(${[...ids]}::text[])`.execute(this.#deps.storage.db);
    return rows.map(fromRow);
  }

  async chain({ tenant }: Scope, id: string): Promise<readonly StoredResponse[]> {
    const { rows } = await sql<Row>`
      with recursive chain as (
        select id, previous_id, session_id, input, response, 1 as place from model_responses
        where tenant = ${tenant} and id = ${id}
        union all
        select r.id, r.previous_id, r.session_id, r.input, r.response, chain.place + 1
        from model_responses r join chain on r.tenant = ${tenant} and r.id = chain.previous_id
        where chain.place < ${longestChain}
      )
      select id, previous_id, session_id, input, response from chain order by place desc`.execute(
      this.#deps.storage.db,
    );
    return rows.map(fromRow);
  }

  async isContinued({ tenant }: Scope, id: string): Promise<boolean> {
    const { rows } = await sql`
      select 1 from model_responses where tenant = ${tenant} and previous_id = ${id} limit 1`.execute(
      this.#deps.storage.db,
    );
    return rows.length > 0;
  }

  async remove({ tenant }: Scope, id: string): Promise<boolean> {
    const { rows } = await sql`
      delete from model_responses where tenant = ${tenant} and id = ${id} returning id`.execute(
      this.#deps.storage.db,
    );
    return rows.length > 0;
  }
}
