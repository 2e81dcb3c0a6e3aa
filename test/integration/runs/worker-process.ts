import { flushCompileCache } from 'node:module';
import { createInterface } from 'node:readline';
import { createIdGenerator, silentLogger, systemClock, type Json } from '../../../src/base/index.ts';
import {
  defaultRunEngineSettings,
  RunEngine,
  type RunContext,
  type RunResult,
} from '../../../src/engine/runs/index.ts';
import { TableBlobStore } from '../../../src/platform/blobs/index.ts';
import { createMetrics } from '../../../src/platform/observability/index.ts';
import { PgBossQueue } from '../../../src/platform/queue/index.ts';
import { PostgresStorage } from '../../../src/platform/storage/index.ts';

// A process that executes runs of the database in DATABASE_URL, and says on its output what it does. The one named
// `first` stops at the place that a run's input names, until a line on its input says `go`.
const [name = '', lease = '1500'] = process.argv.slice(2);
const leaseMs = Number(lease);
const go = Promise.withResolvers<void>();
createInterface({ input: process.stdin }).on('line', () => go.resolve());
const say = (line: Json): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

async function work(context: RunContext): Promise<RunResult> {
  const held = async (place: string): Promise<void> => {
    if (name !== 'first' || context.input !== place) return;
    say({ at: place, runId: context.runId });
    await go.promise;
  };
  const step = (key: string, place?: string): Promise<Json> =>
    context.step(
      key,
      'tool',
      async () => {
        if (place !== undefined) await held(place);
        return name;
      },
      { input: null },
    );
  try {
    await step('a');
    await step('b', 'step');
    await Promise.all(
      Array.from({ length: 5 }, (_, index) => step(`c:${index}`, index === 0 ? 'group' : undefined)),
    );
    await context.busy(() => held('wait'));
    await context.sleep('nap', 20);
    await context.busy(() => held('end'));
    return { output: { by: name }, text: `by ${name}`, messages: [{ role: 'assistant', content: name }] };
  } catch (error) {
    say({ refused: context.input, kind: (error as { kind?: string }).kind ?? String(error) });
    throw error;
  }
}

/** Branches that work, sleep, wait for a signal and have children that do so too. */
async function tree(context: RunContext): Promise<RunResult> {
  const step = (key: string): Promise<Json> =>
    context.step(
      key,
      'tool',
      async () => {
        say({ did: `${context.runId} ${key}` });
        await systemClock.sleep(10);
        return key;
      },
      { input: null },
    );
  if (context.depth > 0) {
    await step('first');
    const word = await context.waitForSignal('ask', 'word');
    await step('second');
    await context.sleep('nap', 30);
    await step('third');
    return { output: word ?? null, text: '', messages: [] };
  }
  const child = async (key: string): Promise<Json> => {
    const { output } = await context.child(key, { kind: 'agent', name: 'tree' }, null);
    await step(`after ${key}`);
    return output;
  };
  const results = await Promise.all([
    child('left'),
    child('right'),
    context.sleep('nap', 80).then(() => step('after nap')),
    context.waitForSignal('ask', 'word').then(async (word) => [word ?? null, await step('after word')]),
    (async () => {
      for (let index = 0; index < 10; index += 1) await step(`work ${index}`);
      return 'worked';
    })(),
  ]);
  return { output: results, text: JSON.stringify(results), messages: [] };
}

const base = { clock: systemClock, logger: silentLogger };
const storage = new PostgresStorage({
  ...base,
  url: process.env['DATABASE_URL'] ?? '',
  poolSize: 10,
  migrate: true,
});
await storage.start();
const queue = new PgBossQueue({ ...base, storage, leaseMs });
await queue.start();
const engine = new RunEngine({
  ...base,
  storage,
  queue,
  blobs: new TableBlobStore({ storage, clock: systemClock }),
  ids: createIdGenerator(systemClock.now),
  metrics: createMetrics({ version: 'test', processMetrics: false }),
  executors: {
    agent: {
      snapshot: () => Promise.resolve({ hash: 'work', definition: {}, timeoutMs: 120_000 }),
      execute: (_definition, context) => (context.target.name === 'tree' ? tree(context) : work(context)),
    },
  },
  settings: { ...defaultRunEngineSettings, leaseMs, maxCrashes: 1000 },
});
await engine.start();
say({ ready: name });
// It is killed as a rule: what it has compiled is kept for the next one now.
flushCompileCache();
