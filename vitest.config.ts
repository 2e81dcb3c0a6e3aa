import { tmpdir } from 'node:os';
import path from 'node:path';
import { defineConfig } from 'vitest/config';

/** Of what is polled for without a limit of its own: one second is little on a busy machine. Below the lease of workers and jobs. */
const expectation = { poll: { timeout: 5_000, interval: 50 } };

export default defineConfig({
  test: {
    reporters: ['default'],
    // Most of the time goes by waiting for databases and child processes, not for a processor.
    maxWorkers: 3,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'test/architecture.test.ts', 'test/docs/*.test.ts'],
          testTimeout: 20_000,
          expect: expectation,
          // An embedded database starts in them: seconds on a busy machine.
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          testTimeout: 120_000,
          expect: expectation,
          hookTimeout: 120_000,
          // Hundreds of processes are started; each would compile the same sources.
          env: { NODE_COMPILE_CACHE: path.join(tmpdir(), 'agent33-tests-compiled') },
        },
      },
    ],
  },
});
