import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { silentLogger as logger, systemClock as clock } from '../../base/index.ts';
import { queueContract } from '../../testing/contracts/queue-contract.ts';
import { PgliteStorage } from '../storage/index.ts';
import { createJobId } from './index.ts';

queueContract('PGlite in memory', async () => ({
  storage: new PgliteStorage({ folder: undefined, clock, logger, migrate: true }),
  dispose: async () => {},
}));

queueContract('PGlite in an empty folder, without a template', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'agent33-queue-'));
  return {
    storage: new PgliteStorage({ folder, clock, logger, migrate: true, useTemplate: false }),
    dispose: () => rm(folder, { recursive: true }),
  };
});

it('makes job ids that sort by the order of their making, also within one millisecond', () => {
  const ids = Array.from({ length: 10_000 }, () => createJobId(1_800_000_000_000));
  expect(ids.toSorted()).toEqual(ids);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
