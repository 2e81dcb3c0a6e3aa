import { sql } from 'kysely';
import { AppError, GroupedCalls, storable } from '../../base/index.ts';
import { assertOutsideTransaction } from '../../platform/storage/index.ts';
import type { AgentRequest, Scope } from '../../protocol/index.ts';
import type { RunEngineDeps } from './engine-deps.ts';
import type { BatchItem, SubmittedRun } from './run-context.ts';
import { submitBatch } from './submit-batch.ts';
import { submitRequest, type KnownSnapshots } from './submit-request.ts';

const mostOfGroup = 100;
/** One request that waits for another process must not hold up the others: those of its group … */
const lockTimeoutMs = 250;
/** … and those that come after it. */
const patienceMs = 50;

/**
 * Accepts requests of many callers. A lone request is a transaction of its own; those that come while one is under way
 * go together in the next one. Each is answered as if it had come alone.
 */
export class GroupedSubmitter {
  readonly #deps: RunEngineDeps;
  readonly #known: KnownSnapshots;
  readonly #calls = new GroupedCalls<BatchItem, SubmittedRun>({
    call: (items) => this.#submit(items),
    most: mostOfGroup,
    sideBySide: 1,
  });

  constructor(deps: RunEngineDeps, known: KnownSnapshots) {
    this.#deps = deps;
    this.#known = known;
  }

  /** Durable when it resolves. Errors as of `submitRequest`. */
  async submit(scope: Scope, request: AgentRequest): Promise<SubmittedRun> {
    assertOutsideTransaction();
    return this.#calls.add({ scope, request: storable(request) });
  }

  async #submit(items: readonly BatchItem[]): Promise<readonly Promise<SubmittedRun>[]> {
    const [only] = items;
    if (items.length === 1 && only !== undefined) return [(await this.#patiently(this.#alone(only))).answer];
    const accepted = await this.#together(items);
    return items.map((item, index) => {
      const outcome = accepted?.[index];
      if (outcome?.outcome === 'refused') return Promise.reject(outcome.error);
      if (outcome?.outcome !== 'submitted') return this.#alone(item);
      const { runId, requestId, sessionId } = outcome;
      return Promise.resolve({ runId, requestId, sessionId, duplicate: false });
    });
  }

  /** One that waits for a lock makes room for the others after a while; it stays under way. */
  async #patiently(alone: Promise<SubmittedRun>): Promise<{ readonly answer: Promise<SubmittedRun> }> {
    await new Promise<void>((resolve) => {
      const cancel = this.#deps.clock.after(patienceMs, resolve);
      const settled = (): void => {
        cancel();
        resolve();
      };
      alone.then(settled, settled);
    });
    return { answer: alone };
  }

  /** `undefined`: the group was rolled back, be it for one of its requests only. */
  async #together(items: readonly BatchItem[]) {
    try {
      return await submitBatch(this.#deps, this.#known, items, async (trx) => {
        await sql`select set_config('lock_timeout', ${`${lockTimeoutMs}ms`}, true)`.execute(trx);
        return true;
      });
    } catch (error) {
      // It may have been written after all: a request without a key would run twice.
      if (error instanceof AppError && error.retryable) throw error;
      this.#deps.logger.debug({ error, requests: items.length }, 'requests are accepted one by one');
      return undefined;
    }
  }

  async #alone({ scope, request }: BatchItem): Promise<SubmittedRun> {
    const submitted = await submitRequest(this.#deps, this.#known, scope, request);
    if (submitted === undefined) throw new AppError('internal', 'a request was neither accepted nor refused');
    return submitted;
  }
}
