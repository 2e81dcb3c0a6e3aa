import { sql } from 'kysely';
import { AppError, onAbort, type Clock } from '../../base/index.ts';
import type { Storage } from '../../platform/storage/index.ts';
import type { AgentResponse, Scope } from '../../protocol/index.ts';

const mostRecent = 1000;
const pollIntervalMs = 2000;
const mostOfPoll = 200;
const pauseOfPollMs = 10;

interface Waiter {
  readonly tenant: string;
  readonly resolve: (response: AgentResponse) => void;
  readonly look: () => void;
}

/** Callers who wait for a run's response: told at once when it ends in this process, by notification when in another. */
export class ResponseWaiters {
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #waiters = new Map<string, Set<Waiter>>();
  /** Responses of runs that ended here a moment ago, so that the usual caller needs no look into the database. */
  readonly #recent = new Map<string, { tenant: string; response: AgentResponse }>();
  /** Runs accepted by this process, with their tenant, of which nothing was heard from another process or an end yet. */
  readonly #submitted = new Map<string, string>();
  #cancelPoll: (() => void) | undefined;
  #isPolling = false;

  constructor(deps: { storage: Storage; clock: Clock }) {
    this.#storage = deps.storage;
    this.#clock = deps.clock;
  }

  submitted(runId: string, tenant: string): void {
    this.#submitted.set(runId, tenant);
  }

  /** True for a run that this process accepted for the tenant and that nobody else has touched, as far as it knows. */
  isOwn(runId: string, tenant: string): boolean {
    return this.#submitted.get(runId) === tenant;
  }

  ended(tenant: string, response: AgentResponse): void {
    this.#submitted.delete(response.runId);
    const oldest = this.#recent.keys().next().value;
    if (this.#recent.size >= mostRecent && oldest !== undefined) this.#recent.delete(oldest);
    this.#recent.set(response.runId, { tenant, response });
    for (const waiter of this.#waiters.get(response.runId) ?? []) waiter.resolve(response);
  }

  /** Another process ended this run, or may have ended any. */
  changed(runId?: string): void {
    if (runId === undefined) this.#submitted.clear();
    else this.#submitted.delete(runId);
    for (const watched of runId === undefined ? this.#waiters.keys() : [runId]) {
      for (const waiter of this.#waiters.get(watched) ?? []) waiter.look();
    }
  }

  /** The response, as soon as it is there. Error: `not_found`; rejects with the signal's reason when aborted. */
  async wait(scope: Scope, runId: string, signal: AbortSignal): Promise<AgentResponse> {
    signal.throwIfAborted();
    const recent = this.#recent.get(runId);
    if (recent !== undefined && recent.tenant === scope.tenant) return recent.response;
    return new Promise<AgentResponse>((resolve, reject) => {
      const look = (): void => {
        this.#read(scope, runId).then(
          (response) => {
            if (response !== undefined) settle(() => resolve(response));
          },
          (error: unknown) => {
            const away = error instanceof AppError && error.code === 'storage_unavailable';
            if (!away) settle(() => reject(error));
          },
        );
      };
      const waiter: Waiter = {
        tenant: scope.tenant,
        resolve: (response) => settle(() => resolve(response)),
        look,
      };
      const settle = (finish: () => void): void => {
        stopListening();
        const waiters = this.#waiters.get(runId);
        waiters?.delete(waiter);
        if (waiters?.size === 0) this.#waiters.delete(runId);
        if (this.#waiters.size === 0) this.#stopPolling();
        finish();
      };
      const stopListening = onAbort(signal, () => settle(() => reject(signal.reason as Error)));
      const waiters = this.#waiters.get(runId) ?? new Set();
      waiters.add(waiter);
      this.#waiters.set(runId, waiters);
      this.#cancelPoll ??= this.#clock.every(pollIntervalMs, () => void this.#poll());
      if (!this.#submitted.has(runId)) look();
    });
  }

  #stopPolling(): void {
    this.#cancelPoll?.();
    this.#cancelPoll = undefined;
  }

  /** A notification may be lost. Looks for all at once: thousands may wait behind a backlog. */
  async #poll(): Promise<void> {
    if (this.#isPolling) return;
    this.#isPolling = true;
    try {
      const waited = [...this.#waiters.keys()];
      for (let from = 0; from < waited.length; from += mostOfPoll) {
        // A backlog must not take the database away from those who come now.
        if (from > 0) await this.#clock.sleep(pauseOfPollMs);
        const rows = await this.#storage.db
          .selectFrom('outbox')
          .innerJoin('runs', (join) =>
            join.onRef('runs.id', '=', 'outbox.run_id').onRef('runs.request_id', '=', 'outbox.request_id'),
          )
          .select(['runs.id', 'runs.tenant', 'outbox.response'])
          .where('outbox.run_id', '=', sql<string>`any(${waited.slice(from, from + mostOfPoll)}::text[])`)
          .where('outbox.kind', '=', 'response')
          .execute();
        for (const { id, tenant, response } of rows) {
          if (response === null) continue;
          for (const waiter of this.#waiters.get(id) ?? [])
            if (waiter.tenant === tenant) waiter.resolve(response as unknown as AgentResponse);
        }
      }
    } catch {
      // The database is away: the next poll looks again.
    } finally {
      this.#isPolling = false;
    }
  }

  async #read(scope: Scope, runId: string): Promise<AgentResponse | undefined> {
    const row = await this.#storage.db
      .selectFrom('runs')
      .leftJoin('outbox', (join) =>
        join
          .onRef('outbox.run_id', '=', 'runs.id')
          .onRef('outbox.request_id', '=', 'runs.request_id')
          .on('outbox.kind', '=', 'response'),
      )
      .select(['runs.id', 'outbox.response'])
      .where('runs.id', '=', runId)
      .where('runs.tenant', '=', scope.tenant)
      .executeTakeFirst();
    if (row === undefined) throw new AppError('not_found', `there is no run "${runId}"`);
    return (row.response ?? undefined) as AgentResponse | undefined;
  }
}
