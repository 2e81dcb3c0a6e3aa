import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Json } from '../../../base/index.ts';
import type { Storage } from '../../../platform/storage/index.ts';
import { createFreshnessSensor } from './freshness-sensor.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'freshness-'));
});
afterEach(() => rm(dir, { recursive: true }));

it('tells of each time that a file became stale, also of one that nobody saw fresh', async () => {
  // Files need no database.
  const sensor = createFreshnessSensor({ projectDir: dir, storage: {} as Storage });
  const config = sensor.configSchema.parse({ path: 'prices.csv', maxAge: '10s' });
  const file = path.join(dir, 'prices.csv');
  const touch = async (second: number): Promise<void> => {
    await writeFile(file, 'x');
    await utimes(file, second, second);
  };
  let state: Json = null;
  const look = async (second: number): Promise<number> => {
    const seen = await sensor.look({
      tenant: 'default',
      config,
      limit: 100,
      state,
      now: second * 1000,
      signal: AbortSignal.timeout(5000),
    });
    state = seen.state;
    return seen.events.length;
  };
  await touch(100);
  expect(await look(105)).toBe(0);
  expect(await look(111)).toBe(1);
  expect(await look(120)).toBe(0);
  await touch(130);
  // Nobody looked while it was fresh.
  expect(await look(150)).toBe(1);
  expect(await look(160)).toBe(0);
  // What an earlier version remembered says nothing about which file it was.
  state = { since: 0, stale: true };
  expect(await look(170)).toBe(0);
});
