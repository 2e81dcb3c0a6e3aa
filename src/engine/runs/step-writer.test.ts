import {
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type CompiledQuery,
  type DatabaseConnection,
  type QueryResult,
} from 'kysely';
import { describe, expect, it } from 'vitest';
import { AppError, systemClock, type Clock } from '../../base/index.ts';
import type { Database } from '../../platform/storage/index.ts';
import { noOutput, type StepRecord } from './step-record.ts';
import { StepWriter } from './step-writer.ts';

/** What the database says to a statement that writes these steps. */
type Answer = (keys: readonly string[]) => Promise<void>;

/** A database that keeps the keys of the steps in the order in which they became durable. */
class FakeDatabase {
  readonly durable: string[] = [];
  statements = 0;
  /** Statements under way at the same time, at most. */
  widest = 0;
  #underWay = 0;
  readonly db: Kysely<Database>;

  constructor(answer: Answer) {
    const connection: DatabaseConnection = {
      executeQuery: async <R>(query: CompiledQuery): Promise<QueryResult<R>> => {
        const keys = keysOf(query);
        this.statements += 1;
        this.#underWay += 1;
        this.widest = Math.max(this.widest, this.#underWay);
        try {
          // A statement takes a while.
          await new Promise((resolve) => setImmediate(resolve));
          await answer(keys);
          this.durable.push(...keys);
          return { rows: keys.map((key) => ({ key })) as R[], numAffectedRows: BigInt(keys.length) };
        } finally {
          this.#underWay -= 1;
        }
      },
      streamQuery: () => {
        throw new Error('not here');
      },
    };
    this.db = new Kysely<Database>({
      dialect: {
        createAdapter: () => new PostgresAdapter(),
        createIntrospector: (db) => new PostgresIntrospector(db),
        createQueryCompiler: () => new PostgresQueryCompiler(),
        createDriver: () => ({
          init: () => Promise.resolve(),
          acquireConnection: () => Promise.resolve(connection),
          beginTransaction: () => Promise.resolve(),
          commitTransaction: () => Promise.resolve(),
          rollbackTransaction: () => Promise.resolve(),
          releaseConnection: () => Promise.resolve(),
          destroy: () => Promise.resolve(),
        }),
      },
    });
  }
}

function keysOf({ parameters }: CompiledQuery): string[] {
  const rows = parameters.find((value) => typeof value === 'string' && value.startsWith('[{'));
  if (typeof rows === 'string') return (JSON.parse(rows) as { key: string }[]).map(({ key }) => key);
  return parameters.filter((value) => typeof value === 'string' && /^s\d+$/.test(value)) as string[];
}

const step = (key: string): StepRecord => ({
  key,
  kind: 'compute',
  status: 'completed',
  digest: 'digest',
  attempts: 1,
  output: noOutput,
  error: null,
  usage: { inputTokens: 0, outputTokens: 0, costUsd: 0 },
  startedAt: 0,
  endedAt: 0,
});

/** Time passes only by waiting for it. */
function hastyClock(): Clock {
  let now = 0;
  return {
    ...systemClock,
    now: () => now,
    sleep: (milliseconds) => {
      now += milliseconds;
      return Promise.resolve();
    },
  };
}

const writer = (database: FakeDatabase): StepWriter =>
  new StepWriter({ storage: database, clock: hastyClock() }, { runId: 'run', epoch: 1 });

async function outcomes(writes: readonly Promise<void>[]): Promise<readonly string[]> {
  const settled = await Promise.allSettled(writes);
  return settled.map((one) =>
    one.status === 'fulfilled' ? 'durable' : String((one.reason as { code?: string }).code),
  );
}

describe('a writer of steps', () => {
  it('writes nothing more after a step that the database did not take: what comes later may follow from it', async () => {
    let isAway = true;
    const database = new FakeDatabase((keys) => {
      if (isAway && keys.includes('s0')) throw new AppError('storage_unavailable', 'away');
      return Promise.resolve();
    });
    const steps = writer(database);
    const first = steps.write(step('s0'));
    const second = steps.write(step('s1'));
    expect(await outcomes([first, second])).toEqual(['storage_unavailable', 'storage_unavailable']);
    isAway = false;
    expect(await outcomes([steps.write(step('s2'))])).toEqual(['storage_unavailable']);
    expect(database.durable).toEqual([]);
  });

  it('waits for a database that comes back, and keeps the order', async () => {
    let failures = 3;
    const database = new FakeDatabase(() => {
      failures -= 1;
      if (failures >= 0) throw new AppError('storage_unavailable', 'away');
      return Promise.resolve();
    });
    const steps = writer(database);
    const writes = Array.from({ length: 5 }, (_, index) => steps.write(step(`s${index}`)));
    expect(await outcomes(writes)).toEqual(Array(5).fill('durable'));
    expect(database.durable).toEqual(['s0', 's1', 's2', 's3', 's4']);
  });

  it('writes those of a refused group one after the other, in order, without the one that is at fault', async () => {
    const database = new FakeDatabase((keys) => {
      if (keys.includes('s3')) throw Object.assign(new Error('no such number'), { code: '22003' });
      return Promise.resolve();
    });
    const steps = writer(database);
    const writes = Array.from({ length: 6 }, (_, index) => steps.write(step(`s${index}`)));
    expect(await outcomes(writes)).toEqual([
      'durable',
      'durable',
      'durable',
      'output_invalid',
      'durable',
      'durable',
    ]);
    expect(database.durable).toEqual(['s0', 's1', 's2', 's4', 's5']);
    expect(database.widest).toBe(1);
  });
});
