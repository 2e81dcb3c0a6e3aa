import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { silentLogger as logger, systemClock as clock } from '../../../src/base/index.ts';
import { PgliteStorage, PostgresStorage, type Storage } from '../../../src/platform/storage/index.ts';
import { postgresAvailable, withTestDatabase } from '../../../src/testing/test-database.ts';
import { shortLived } from '../fixtures/short-lived.ts';

const writer = fileURLToPath(new URL('usage-writer.ts', import.meta.url));
const rounds = 3;
/** What may be lost: half a second of rows, and the batch that was being written, for which a busy machine may need long. */
const windowMs = 500;
const writeMs = 1_500;

/** Lets the writer work for a while and kills it; tells what it recorded and when that was. */
async function recordAndDie(where: string, round: number): Promise<{ recorded: number[]; killedAt: number }> {
  const child = spawn(process.execPath, [...shortLived, writer, where, String(round)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const recorded: number[] = [];
  createInterface(child.stdout).on('line', (line) => recorded.push(Number(line.split(' ')[1])));
  const ended = new Promise((resolve) => {
    child.once('close', resolve);
  });
  await expect.poll(() => recorded.length, { timeout: 60_000 }).toBeGreaterThan(0);
  // The moment is the point of this test: a random one.
  await clock.sleep(randomInt(2_500, 4_000));
  const killedAt = clock.now();
  child.kill('SIGKILL');
  await ended;
  return { recorded, killedAt };
}

async function storedOf(storage: Storage, round: number): Promise<readonly string[]> {
  const rows = await storage.db
    .selectFrom('model_usage')
    .select('id')
    .where('id', 'like', `row-${round}-%`)
    .orderBy('id')
    .execute();
  return rows.map(({ id }) => id);
}

async function loseLittle(where: string, open: () => Storage): Promise<void> {
  const rates: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const { recorded, killedAt } = await recordAndDie(where, round);
    const storage = open();
    await storage.start();
    const stored = await storedOf(storage, round);
    await storage.stop();
    // No hole: what is missing is the newest.
    expect(stored).toEqual(stored.map((_id, index) => `row-${round}-${String(index).padStart(6, '0')}`));
    const firstLost = recorded[stored.length] ?? killedAt;
    expect(stored.length).toBeGreaterThan(0);
    expect(killedAt - firstLost).toBeLessThan(windowMs + writeMs);
    rates.push(killedAt - firstLost);
  }
  process.stdout.write(`rows lost by kill -9: those of the last ${rates.join(', ')} ms\n`);
}

const hasPostgres = await postgresAvailable();

describe('kill -9 of a process that records usage', () => {
  it('loses at most the stated window with the embedded database', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'agent33-usage-'));
    try {
      await loseLittle(folder, () => new PgliteStorage({ folder, clock, logger, migrate: true }));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it.skipIf(!hasPostgres)('loses at most the stated window with PostgreSQL', async () => {
    await withTestDatabase((url) =>
      loseLittle(url, () => new PostgresStorage({ url, poolSize: 2, migrate: true, clock, logger })),
    );
  });
});
