import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { randomInt } from 'node:crypto';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { silentLogger, systemClock } from '../../../src/base/index.ts';
import { PostgresStorage } from '../../../src/platform/storage/index.ts';
import { createTestDatabase, postgresAvailable } from '../../../src/testing/test-database.ts';
import { childEnvironment } from '../fixtures/child-environment.ts';
import { minute, noon } from './automation-ground.ts';

const slots = Number(process.env['SCHEDULE_SLOTS'] ?? 1000);
/** Some process is killed every so many slots. */
const slotsPerKill = 150;

/** A process with a ticker, an engine and a queue, told what time it is. */
class TickerProcess {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    if (child.stdout === null) throw new Error('no output');
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  static async start(url: string): Promise<TickerProcess> {
    const script = path.join(import.meta.dirname, 'schedule-process.ts');
    const child = spawn(process.execPath, [script, url], {
      env: childEnvironment,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const started = new TickerProcess(child);
    expect((await started.#lines.next()).value).toBe('ready');
    return started;
  }

  /** Tells the time; resolves with true when the process has looked, with false when it is dead. */
  async tick(time: number): Promise<boolean> {
    this.#child.stdin?.write(`${time}\n`, () => {});
    return (await this.#lines.next()).done !== true;
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.stdin?.on('error', () => {});
    this.#child.kill('SIGKILL');
    await exit;
  }
}

describe.skipIf(!(await postgresAvailable()))(
  'three processes and a schedule (skipped without PostgreSQL)',
  () => {
    it(
      `fire each of ${slots} slots once while one after the other is killed`,
      { timeout: 60_000 + slots * 250 },
      async () => {
        const database = await createTestDatabase();
        const processes: TickerProcess[] = [];
        const storage = new PostgresStorage({
          url: database.url,
          poolSize: 2,
          migrate: true,
          clock: systemClock,
          logger: silentLogger,
        });
        try {
          await storage.start();
          for (let index = 0; index < 3; index += 1) processes.push(await TickerProcess.start(database.url));
          await Promise.all(processes.map((one) => one.tick(noon)));
          let kills = 0;
          for (let slot = 1; slot <= slots; slot += 1) {
            const looked = processes.map((one) => one.tick(noon + slot * minute));
            if (slot % slotsPerKill === slotsPerKill - 1) {
              const place = kills % 3;
              // The moment is the point of this test: a random one, while all three want the same slot.
              await new Promise((resolve) => setTimeout(resolve, randomInt(0, 12)));
              await processes[place]?.kill();
              kills += 1;
              await Promise.all(looked);
              processes[place] = await TickerProcess.start(database.url);
            } else expect(await Promise.all(looked)).toEqual([true, true, true]);
          }
          // What a killed one held is fired by whoever looks next, at the latest now.
          await Promise.all(processes.map((one) => one.tick(noon + slots * minute + 1000)));
          expect(kills).toBe(Math.floor((slots + 1) / slotsPerKill));
          const fired = await storage.db.selectFrom('schedule_slots').selectAll().execute();
          expect(fired.filter(({ outcome }) => outcome !== 'fired')).toEqual([]);
          expect(fired).toHaveLength(slots);
          const runs = await storage.db.selectFrom('runs').select(['id', 'metadata']).execute();
          expect(new Set(runs.map(({ metadata }) => (metadata as { slot: string }).slot)).size).toBe(slots);
          expect(new Set(runs.map(({ id }) => id))).toEqual(new Set(fired.map(({ run_id }) => run_id)));
          expect(runs).toHaveLength(slots);
          const jobs = await sql<{ count: number }>`
          select count(*)::int as count from pgboss.job where name = 'runs'`.execute(storage.db);
          expect(jobs.rows[0]?.count).toBe(slots);
        } finally {
          await Promise.all(processes.map((one) => one.kill()));
          await storage.stop();
          await database.drop();
        }
      },
    );
  },
);
