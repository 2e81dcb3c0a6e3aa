import type { RunContext } from '../src/engine/runs/index.ts';
import { joinPostgresBench } from './run-bench.ts';

// A process that executes runs of the database in DATABASE_URL: those that wait for a signal, and those that hang in
// their first execution.
const now = (): number => performance.timeOrigin + performance.now();
const bench = await joinPostgresBench(process.env['DATABASE_URL'] ?? '', {
  work: async (context: RunContext) => {
    if (context.input === 'wait') await context.waitForSignal('ask', 'go');
    if (context.input === 'hang' && context.attempt === 1)
      await context.step('hang', 'tool', () => new Promise<null>(() => {}), { input: null });
    await context.step('next', 'tool', () => Promise.resolve({ at: now() }), { input: null });
  },
});
process.on('SIGTERM', () => void bench[Symbol.asyncDispose]().then(() => process.exit(0)));
process.stdout.write(`${JSON.stringify({ url: '' })}\n`);
