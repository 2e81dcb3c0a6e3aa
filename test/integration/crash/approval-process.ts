import { appendFileSync } from 'node:fs';
import { createIdGenerator, silentLogger, systemClock, type Json } from '../../../src/base/index.ts';
import {
  defaultRunEngineSettings,
  RunEngine,
  SqlRunStore,
  type RunContext,
  type RunExecutor,
  type RunResult,
} from '../../../src/engine/runs/index.ts';
import { TableBlobStore } from '../../../src/platform/blobs/index.ts';
import { createMetrics } from '../../../src/platform/observability/index.ts';
import { PgBossQueue } from '../../../src/platform/queue/index.ts';
import { PgliteStorage, PostgresStorage, type Storage } from '../../../src/platform/storage/index.ts';
import { approvalSpec, type Scope } from '../../../src/protocol/index.ts';

// One process of approval-kills.test.ts: submits the one request (again), approves what is asked, tells the answer.
const [database = '', effectsFile = '', failpoint = '', nth = '1'] = process.argv.slice(2);
const leaseMs = 1000;
const scope: Scope = { tenant: 'default', principal: 'user:ada', scopes: ['admin'] };
let reached = 0;

async function effect(context: RunContext, name: string): Promise<void> {
  await context.step(
    name,
    'action',
    () => {
      appendFileSync(effectsFile, `${name}\n`);
      return Promise.resolve(null);
    },
    { input: null },
  );
}

const executor: RunExecutor = {
  snapshot: (_scope, name) => Promise.resolve({ hash: name, definition: { name }, timeoutMs: 60_000 }),
  async execute(definition: Json, context: RunContext): Promise<RunResult> {
    if ((definition as { name: string }).name === 'parent') {
      await effect(context, 'parent before');
      const child = await context.child('child', { kind: 'agent', name: 'child' }, {});
      await effect(context, 'parent after');
      return { output: null, text: (child.output as { text: string }).text, messages: [] };
    }
    await effect(context, 'child before');
    const { status } = await context.approve('mail', {
      kind: 'approval',
      title: 'Send?',
      message: '',
      subject: { action: 'send', arguments: { to: 'ada' } },
      answerSchema: null,
      rules: approvalSpec.parse({}),
    });
    await effect(context, 'child after');
    return { output: { text: status }, text: status, messages: [] };
  },
};

const base = { clock: systemClock, logger: silentLogger, migrate: true };
const storage: Storage = database.startsWith('postgres')
  ? new PostgresStorage({ ...base, url: database, poolSize: 5 })
  : new PgliteStorage({ ...base, folder: database });
await storage.start();
const queue = new PgBossQueue({ storage, clock: systemClock, logger: silentLogger, leaseMs });
await queue.start();
const engine = new RunEngine({
  storage,
  blobs: new TableBlobStore({ storage, clock: systemClock }),
  queue,
  clock: systemClock,
  ids: createIdGenerator(systemClock.now),
  logger: silentLogger,
  metrics: createMetrics({ version: 'test', processMetrics: false }),
  executors: { agent: executor },
  settings: { ...defaultRunEngineSettings, leaseMs },
  failpoint: (name) => {
    if (name !== failpoint) return;
    reached += 1;
    if (reached === Number(nth)) process.kill(process.pid, 'SIGKILL');
  },
});
await engine.start();
const { runId } = await engine.submit(scope, {
  source: 'test',
  target: { kind: 'agent', name: 'parent' },
  input: {},
  sessionKey: null,
  dedupeKey: 'once',
  replyTo: { channel: 'c', platform: 'telegram', accountId: '1', chatId: '7' },
  timeoutMs: null,
  metadata: {},
});
const signal = AbortSignal.timeout(30_000);
const answered = engine.response(scope, runId, { signal });
const settled = ['waiting', 'completed', 'failed'];
while (!settled.includes((await new SqlRunStore(storage).get(scope, runId)).status)) {
  signal.throwIfAborted();
  await systemClock.sleep(5);
}
const asked = await engine.approvals.list(scope, { limit: 10 });
for (const one of asked.items) await engine.approvals.decide(scope, one.id, { decision: 'approve' });
const { text, error } = await answered;
const notices = await storage.db.selectFrom('outbox').select('id').where('kind', '=', 'notice').execute();
const signals = await storage.db.selectFrom('run_signals').select('id').execute();
process.stdout.write(
  JSON.stringify({
    text,
    error,
    asked: asked.items.length,
    notices: notices.length,
    signals: signals.length,
  }),
);
await engine.stop();
await queue.stop();
await storage.stop();
