import { tmpdir } from 'node:os';
import path from 'node:path';
import { defineConfig } from 'vitest/config';

/**
 * Files share the process of their worker, so that each does not load the application anew: there are no module mocks, and
 * what a file leaves behind makes it fail.
 */
const sharing = { isolate: false, setupFiles: [path.join(import.meta.dirname, 'test/leaves-nothing.ts')] };

/** Of what is polled for without a limit of its own: one second is little on a busy machine. Below the lease of workers and jobs. */
const expectation = { poll: { timeout: 5_000, interval: 50 } };

export default defineConfig({
  test: {
    reporters: ['default'],
    // Most of the time goes by waiting for databases and child processes, not for a processor.
    maxWorkers: 4,
    projects: [
      {
        test: {
          ...sharing,
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
          ...sharing,
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
