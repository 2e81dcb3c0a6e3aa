import { randomUUID } from 'node:crypto';
import { AppError, type Clock, type Logger } from '../../../base/index.ts';
import type { RedisClient, RedisScript } from '../../../platform/redis/index.ts';
import type { Storage } from '../../../platform/storage/index.ts';
import type { LedgerSubject, LedgerUse } from '../ledger.ts';
import { BudgetMirror, type SpentBudget } from './budget-mirror.ts';
import { periodEnd, periodName, periodOf, periodStart } from './budget-period.ts';
import type { LedgerStore, PreparedSettlement, StoreAnswer } from './ledger-store.ts';
import { fromNanoUsd } from './nano-usd.ts';
import type { PreparedReservation, StoreRefusal } from './prepared-reservation.ts';
import { purgeLedger } from './purge-ledger.ts';
import { applyScript, beginScript, loadScript, resetScript, useScript } from './redis-ledger-scripts.ts';

interface RedisLedgerStoreDeps {
  readonly redis: RedisClient;
  readonly storage: Pick<Storage, 'db'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly prefix: string;
  readonly windowMs: number;
}

type SpentRow = readonly [key: string, period: string, startedAt: string, spent: string, resets: string];

type ApplyAnswer =
  | null
  | { readonly granted: string }
  | {
      readonly part: number;
      readonly limit: StoreRefusal['limit'];
      readonly allowed: string;
      readonly used: string;
      readonly wait?: string;
      readonly spent?: string;
      readonly wanted?: string;
      readonly period?: string;
    };

type ApplyReply =
  | { readonly state: 'wiped' | 'loading' }
  | { readonly state: 'changed'; readonly gen: string }
  | {
      readonly state: 'open';
      readonly at: string;
      readonly answers: readonly ApplyAnswer[];
      readonly spent: readonly SpentRow[];
    };

const tickMs = 500;
const purgeMs = 3_600_000;
// So long a new generation stays closed: each process looks twice a second, brings its calls under way back, and stores what it knows.
const graceMs = 1500;
const pollMs = 50;
const loadRows = 500;
const registerRows = 200;

/**
 * Counts in Redis; the tables remember what is spent. A Redis that was wiped, restarted or replaced is noticed: it stays
 * closed until every process has brought back its calls under way and the tables have been read.
 */
export class RedisLedgerStore implements LedgerStore {
  readonly #deps: RedisLedgerStoreDeps;
  readonly #base: string;
  readonly #bucketMs: number;
  readonly #mirror: BudgetMirror;
  /** Calls under way of this process, to be brought back. */
  readonly #live = new Map<string, { readonly reservation: PreparedReservation; readonly nano: number }>();
  #generation = '';
  #seenConnection = 0;
  #joining: Promise<void> | undefined;
  #loading: Promise<void> | undefined;
  #stopping = new AbortController();
  #cancelTimers: readonly (() => void)[] = [];

  constructor(deps: RedisLedgerStoreDeps) {
    this.#deps = deps;
    this.#base = `${deps.prefix}{ledger}:`;
    this.#bucketMs = Math.ceil(deps.windowMs / 60);
    this.#mirror = new BudgetMirror(deps);
  }

  async start(): Promise<void> {
    const { clock, logger, storage } = this.#deps;
    this.#stopping = new AbortController();
    for (const cancel of this.#cancelTimers) cancel();
    this.#cancelTimers = [
      clock.every(tickMs, () => void this.#tick()),
      clock.every(purgeMs, () => {
        purgeLedger(storage).catch((error: unknown) =>
          logger.warn({ error }, 'the ledger could not be tidied'),
        );
      }),
    ];
    // Whoever reserves first need not wait for it; that Redis is away shows then.
    await this.#join().catch(() => {});
  }

  async stop(): Promise<void> {
    for (const cancel of this.#cancelTimers) cancel();
    this.#cancelTimers = [];
    this.#stopping.abort(new AppError('not_ready', 'The ledger is stopping.'));
    await this.#loading;
    await this.#mirror.stop();
  }

  async apply(
    settlements: readonly PreparedSettlement[],
    reservations: readonly PreparedReservation[],
    { signal }: { readonly signal: AbortSignal },
  ): Promise<readonly StoreAnswer[]> {
    const nowMs = this.#deps.clock.now();
    const settled = settlements.map(({ id, tokens, nano }) => [id, tokens, nano]);
    const requests = reservations.map((one) => toRequest(one, one.nano, nowMs));
    const reply = await this.#applyWhenOpen({ settled, requests }, signal);
    for (const { id } of settlements) this.#live.delete(id);
    this.#mirror.add(asList(reply.spent).map(toSpentBudget));
    const answers = asList(reply.answers);
    return reservations.map((reservation, index) => {
      const answer = answers[index] ?? null;
      if (answer === null || 'granted' in answer) {
        const nano = answer === null ? reservation.nano : Number(answer.granted);
        this.#live.set(reservation.id, { reservation, nano });
        return answer === null ? undefined : { grantedNano: nano };
      }
      return { refused: toStoreRefusal(reservation, answer, Number(reply.at)) };
    });
  }

  async use(subjects: readonly LedgerSubject[]): Promise<readonly LedgerUse[]> {
    const asked = subjects.map(({ key, limits }) => ({
      key,
      periods: (limits.budgets ?? []).map(({ period }) => periodName(period)),
    }));
    const { at, found } = (await this.#run(useScript, { bucketMs: this.#bucketMs, subjects: asked })) as {
      at: string;
      found: readonly (readonly [string, string, string, readonly (readonly [string, string])[]])[];
    };
    return subjects.map(({ key, limits }, index) => {
      const [requests = '0', tokens = '0', parallel = '0', sums] = found[index] ?? [];
      return {
        key,
        requests: Number(requests),
        tokens: Number(tokens),
        parallel: Number(parallel),
        budgets: (limits.budgets ?? []).map(({ usd, period }, place) => ({
          usd,
          period,
          spentUsd: fromNanoUsd(Number(sums?.[place]?.[0] ?? 0)),
          reservedUsd: fromNanoUsd(Number(sums?.[place]?.[1] ?? 0)),
          resetsAtMs: periodEnd(period, Number(at)),
        })),
      };
    });
  }

  async reset(key: string): Promise<void> {
    const { changed } = (await this.#run(resetScript, { key })) as { changed: readonly SpentRow[] };
    this.#mirror.add(asList(changed).map(toSpentBudget));
    if (!(await this.#mirror.flush())) {
      throw new AppError('storage_unavailable', 'The budget was set to 0, but not yet in the database.');
    }
  }

  async #applyWhenOpen(
    batch: { readonly settled: readonly unknown[]; readonly requests: readonly unknown[] },
    signal: AbortSignal,
  ): Promise<Extract<ApplyReply, { state: 'open' }>> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#generation === '' || this.#seenConnection !== this.#deps.redis.connections)
        await this.#join();
      const reply = (await this.#run(
        applyScript,
        { gen: this.#generation, bucketMs: this.#bucketMs, ...batch },
        signal,
      )) as ApplyReply;
      if (reply.state === 'open') return reply;
      if (reply.state !== 'loading') this.#generation = '';
      else await this.#deps.clock.sleep(pollMs, { signal });
      // Whoever loads may have died.
      await this.#join();
    }
  }

  /** Twice a second while calls are under way: is it still the Redis that knows them? */
  async #tick(): Promise<void> {
    const nowMs = this.#deps.clock.now();
    for (const [id, { reservation }] of this.#live)
      if (reservation.expiresAtMs <= nowMs) this.#live.delete(id);
    try {
      await this.apply([], [], {
        signal: AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(tickMs)]),
      });
    } catch {
      // Whoever reserves next hears of it.
    }
  }

  #join(): Promise<void> {
    this.#joining ??= this.#look().finally(() => {
      this.#joining = undefined;
    });
    return this.#joining;
  }

  /** Learns the generation, brings the calls under way back to a new one, and loads it where this process is the first. */
  async #look(): Promise<void> {
    const { redis, logger } = this.#deps;
    const connection = redis.connections;
    const facts = connection === this.#seenConnection ? this.#server : await this.#serverId();
    const begun = (await this.#run(beginScript, { gen: randomUUID(), server: facts })) as {
      gen: string;
      isLoader: boolean;
    };
    this.#server = facts;
    if (begun.gen !== this.#generation) {
      if (this.#live.size > 0)
        logger.warn({ calls: this.#live.size }, 'Redis has forgotten; calls under way are told again');
      await this.#register(begun.gen);
      this.#generation = begun.gen;
    }
    this.#seenConnection = connection;
    if (begun.isLoader) {
      this.#loading ??= this.#load(begun.gen).finally(() => {
        this.#loading = undefined;
      });
    }
  }

  #server = '';

  /** Changes when the server is started anew or another one takes its place; empty where that may not be asked. */
  async #serverId(): Promise<string> {
    const facts = await this.#deps.redis.command('INFO', ['server']).catch((error: unknown) => {
      if (error instanceof AppError) throw error;
      return '';
    });
    return typeof facts === 'string' ? (/^run_id:(\w+)/m.exec(facts)?.[1] ?? '') : '';
  }

  async #register(generation: string): Promise<void> {
    const nowMs = this.#deps.clock.now();
    const requests = [...this.#live.values()].map(({ reservation, nano }) =>
      toRequest(reservation, nano, nowMs),
    );
    for (let from = 0; from < requests.length; from += registerRows) {
      await this.#run(applyScript, {
        gen: generation,
        bucketMs: this.#bucketMs,
        settled: [],
        requests: requests.slice(from, from + registerRows),
        force: true,
      });
    }
  }

  /** Never rejects; tries until it is done, another one has taken over, or the ledger stops. */
  async #load(generation: string): Promise<void> {
    const { clock, logger, storage } = this.#deps;
    const { signal } = this.#stopping;
    logger.info({}, 'Redis holds no ledger; it is read from the database');
    for (let pauseMs = graceMs; !signal.aborted; pauseMs = 1000) {
      try {
        await clock.sleep(pauseMs, { signal });
        if (!(await this.#mirror.flush())) continue;
        const nowMs = clock.now();
        const rows = await storage.db.selectFrom('ledger_budgets').selectAll().execute();
        const present = rows
          .filter(({ period, started_at }) => started_at >= periodStart(periodOf(period), nowMs))
          .map((row) => [row.key, row.period, row.started_at, row.spent, row.resets]);
        for (let from = 0; from === 0 || from < present.length; from += loadRows) {
          const part = { gen: generation, rows: present.slice(from, from + loadRows) };
          const isLast = from + loadRows >= present.length;
          if ((await this.#run(loadScript, isLast ? { ...part, open: true } : part)) !== 1) return;
        }
        return;
      } catch (error) {
        if (!signal.aborted)
          logger.warn({ error }, 'the ledger cannot be read from the database; budgets stay closed');
      }
    }
  }

  async #run(script: RedisScript, request: object, signal?: AbortSignal): Promise<unknown> {
    const options = signal === undefined ? {} : { signal };
    const reply = await this.#deps.redis.script(script, [this.#base], [JSON.stringify(request)], options);
    return typeof reply === 'string' ? (JSON.parse(reply) as unknown) : reply;
  }
}

/** Lua writes an empty list as `{}`. */
function asList<T>(value: readonly T[]): readonly T[] {
  return Array.isArray(value) ? value : [];
}

function toSpentBudget([key, period, startedAt, spent, resets]: SpentRow): SpentBudget {
  return { key, period, startedAt: Number(startedAt), spent: Number(spent), resets: Number(resets) };
}

/** As the script reads it: what is absent is left out, because its `null` is not Lua's. */
function toRequest(reservation: PreparedReservation, nano: number, nowMs: number): object {
  const { id, tokens, leastNano, expiresAtMs, subjects } = reservation;
  return {
    id,
    tokens,
    nano,
    least: leastNano ?? undefined,
    // As a span, because Redis has a clock of its own.
    ttl: Math.max(0, Math.round(expiresAtMs - nowMs)),
    subjects: subjects.map(({ key, rpm, tpm, parallel, budgets }) => ({
      key,
      rpm: rpm ?? undefined,
      tpm: tpm ?? undefined,
      parallel: parallel ?? undefined,
      budgets,
    })),
  };
}

function toStoreRefusal(
  reservation: PreparedReservation,
  answer: Exclude<ApplyAnswer, null | { readonly granted: string }>,
  atMs: number,
): StoreRefusal {
  const { part, limit, period } = answer;
  return {
    key: reservation.subjects[part]?.key ?? '',
    limit,
    allowed: Number(answer.allowed),
    used: Number(answer.used),
    retryAfterMs: answer.wait === undefined ? null : Math.max(0, Number(answer.wait)),
    spent: Number(answer.spent ?? 0),
    wanted: Number(answer.wanted ?? 0),
    resetsAtMs: period === undefined ? null : periodEnd(periodOf(period), atMs),
    atMs,
  };
}
