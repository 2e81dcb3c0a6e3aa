import type { WorkerView } from '../engine/runs/index.ts';

/** A process that works for an installation. */
export const fakeWorker: WorkerView = {
  id: 'wrk_1',
  host: 'here',
  pid: 7,
  roles: ['runs'],
  version: '1.2.3',
  concurrency: 50,
  activeRuns: 2,
  isAlive: true,
  startedAt: '2026-01-01T00:00:00.000Z',
  heartbeatAt: '2026-01-01T00:00:00.000Z',
  heartbeatAgeMs: 40,
};
