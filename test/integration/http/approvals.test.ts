import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { silentLogger, systemClock } from '../../../src/base/index.ts';
import type { CliServices } from '../../../src/cli/cli-services.ts';
import { runCli } from '../../../src/cli/run-cli.ts';
import { SqlRunStore, type RunEngine } from '../../../src/engine/runs/index.ts';
import { buildApp } from '../../../src/entrypoints/http/build-app.ts';
import type { HttpApp } from '../../../src/entrypoints/http/http-deps.ts';
import { PgBossQueue } from '../../../src/platform/queue/index.ts';
import { createFakeTerminal } from '../../../src/testing/fake-terminal.ts';
import { createHttpGround } from '../../../src/testing/http-ground.ts';
import { answer, ApprovalGround, toApprove } from '../runs/approval-ground.ts';
import { MemoryStorage } from '../../../src/testing/memory-storage.ts';

const storage = new MemoryStorage();
const queue = new PgBossQueue({ storage, clock: systemClock, logger: silentLogger });
const ground = new ApprovalGround({ storage, queue });
let engine: RunEngine;
let app: HttpApp;
let url: string;

beforeAll(async () => {
  await storage.start();
  await queue.start();
  engine = await ground.startEngine();
  const lifetime = { closing: new AbortController().signal, stopped: new AbortController().signal };
  app = await buildApp({
    ...createHttpGround().deps,
    clock: systemClock,
    runs: engine,
    runStore: new SqlRunStore(storage),
    approvals: engine.approvals,
    lifetime,
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await app.close();
  await ground.close();
  await queue.stop();
  await storage.stop();
});

const noServices: CliServices = {
  openApp: () => Promise.reject(new Error('not here')),
  openWorker: () => Promise.reject(new Error('not here')),
  openLocalModels: () => Promise.reject(new Error('not here')),
  playCassettes: () => Promise.reject(new Error('not here')),
  loadProject: () => Promise.reject(new Error('not here')),
};

async function cli(key: string, ...args: readonly string[]) {
  const env = { AGENT33_URL: url, AGENT33_API_KEY: `key-${key}` };
  const terminal = createFakeTerminal({ cwd: tmpdir(), env });
  const code = await runCli(args, terminal.context, noServices);
  return { code, out: terminal.output(), err: terminal.talk() };
}

it('is decided on the command line, by the person whom the key names', async () => {
  const name = ground.script(async (context) => {
    const subject = { action: 'pay', arguments: { amount: 12, to: 'a\u202Eb' } };
    const first = await context.approve(
      'pay',
      toApprove({ title: 'Pay?', subject, rules: { deadline: '1h' } }),
    );
    const second = await context.approve(
      'size',
      toApprove({ kind: 'question', title: 'Which size?', subject: null, answerSchema: { type: 'integer' } }),
    );
    return answer(
      `${first.status} by ${first.decidedBy ?? ''} (${first.comment ?? ''}), ${String(second.answer)}`,
    );
  });
  const runId = await ground.submit(engine, name);
  const [asked] = await ground.asked(engine, runId);
  const code = asked?.code ?? '';

  const listed = await cli('approvals:read', 'approvals', 'list');
  expect(listed.out).toMatch(new RegExp(`${asked?.id ?? ''}\\s+${code}\\s+approval\\s+pending\\s+Pay\\?`));
  const shown = await cli('approvals:read', 'approvals', 'show', code);
  expect(shown.out).toContain('arguments:\n{\n  "to": "a\\u202eb",\n  "amount": 12\n}\n');
  expect(shown.out).toContain(`arguments_hash: ${asked?.argumentsHash ?? ''}`);
  expect(await cli('approvals:read', 'approvals', 'approve', code)).toMatchObject({ code: 3 });
  const stale = await cli('approvals:decide', 'approvals', 'approve', code, '--hash', '0'.repeat(64));
  expect(stale).toMatchObject({ code: 5, err: expect.stringContaining('other arguments') as string });
  expect(await cli('approvals:decide', 'approvals', 'approve', code, '--comment', 'ok')).toMatchObject({
    code: 0,
    err: 'approved: Pay?\n',
  });
  expect(await cli('admin', 'approvals', 'reject', code)).toMatchObject({
    code: 5,
    err: expect.stringContaining('was approved by key:approvals:decide at') as string,
  });

  await ground.asked(engine, runId, 2);
  const question = JSON.parse((await cli('admin', 'approvals', 'list', '--json')).out) as { code: string }[];
  const wrong = await cli('admin', 'approvals', 'answer', question[0]?.code ?? '', 'large');
  expect(wrong).toMatchObject({ code: 2, err: expect.stringContaining('answer: must be integer') as string });
  expect(await cli('admin', 'approvals', 'answer', question[0]?.code ?? '', '42')).toMatchObject({ code: 0 });
  expect((await ground.response(engine, runId)).text).toBe('approved by key:approvals:decide (ok), 42');
  expect((await cli('approvals:read', 'approvals', 'list')).err).toBe('none\n');
  const all = await cli('approvals:read', 'approvals', 'list', '--status', 'all', '--run', runId, '--json');
  expect(JSON.parse(all.out)).toHaveLength(2);
});

it('shows on the run what it waits for, and takes signals by name', async () => {
  const name = ground.script(async (context) => {
    const payload = await context.waitForSignal('paid', 'order paid');
    const { status } = await context.approve('a', toApprove());
    return answer(`${JSON.stringify(payload)} ${status}`);
  });
  const runId = await ground.submit(engine, name);
  await ground.untilStatus(runId, 'waiting');
  expect(await cli('admin', 'runs', 'signal', runId, 'order paid', '--payload', 'oops')).toMatchObject({
    code: 2,
  });
  const payload = ['--payload', '{"euro": 5}', '--id', 'p1'];
  for (let time = 0; time < 2; time += 1)
    expect(await cli('admin', 'runs', 'signal', runId, 'order paid', ...payload)).toMatchObject({ code: 0 });
  const [asked] = await ground.asked(engine, runId);
  const run = JSON.parse((await cli('admin', 'runs', 'show', runId, '--json')).out) as object;
  expect(run).toMatchObject({ pending_approvals: [asked?.id] });
  await cli('admin', 'approvals', 'reject', asked?.id ?? '');
  expect((await ground.response(engine, runId)).text).toBe('{"euro":5} rejected');
});
