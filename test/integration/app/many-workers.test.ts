import { describe, expect, it } from 'vitest';
import { FakeTelegram } from '../../../src/testing/channels.ts';
import { postgresAvailable } from '../../../src/testing/test-database.ts';
import { WorkerGround } from './worker-ground.ts';

const hasPostgres = await postgresAvailable();
const leaseMs = 6000;

interface WireWorker {
  readonly pid: number;
  readonly roles: readonly string[];
  readonly alive: boolean;
  readonly active_runs: number;
}

async function workersOf(ground: WorkerGround): Promise<readonly WireWorker[]> {
  const body = (await (await ground.request('GET', '/api/v1/workers')).json()) as { items: WireWorker[] };
  return body.items;
}

describe.skipIf(!hasPostgres)('a server and workers on one PostgreSQL (skipped when none answers)', () => {
  it('lose, double and reorder nothing while the workers are restarted one after the other under load', async () => {
    await using ground = await WorkerGround.open({ tool: true });
    await ground.serve('--no-worker');
    let workers = (await Promise.all([ground.worker(), ground.worker()])).map(({ child }) => child);

    const sessions = ['a', 'b', 'c', 'd'];
    const answers: { message: string; answer: Promise<string> }[] = [];
    const loaded = new AbortController();
    const load = sessions.map(async (session) => {
      for (let number = 0; !loaded.signal.aborted || number < 20; number += 1) {
        const message = `${session}${number}`;
        const submitted = await ground.submit(message, `ses_many${session}`);
        answers.push({ message, ...submitted });
        // A few wait behind each other in every session, not hundreds.
        await answers.at(-12)?.answer;
      }
    });
    await expect.poll(() => answers.length, { timeout: 30_000 }).toBeGreaterThan(8);
    for (const [index, worker] of workers.entries()) {
      const { child: next } = await ground.worker();
      expect(await ground.end(worker)).toBe(0);
      workers = workers.with(index, next);
      const before = answers.length;
      await expect.poll(() => answers.length, { timeout: 30_000 }).toBeGreaterThan(before + 8);
    }
    loaded.abort();
    await Promise.all(load);

    for (const { message, answer } of answers) expect(await answer).toBe(`answer to ${message}`);
    for (const { message } of answers)
      expect([ground.modelCalls.get(`${message}/1`), ground.modelCalls.get(`${message}/2`)]).toEqual([1, 1]);
    expect([...ground.effects.values()].every((count) => count === 1)).toBe(true);
    expect(ground.effects.size).toBe(answers.length);
    for (const session of sessions) {
      const ofSession = ground.order.filter((message) => message.startsWith(session));
      expect(ofSession).toEqual(ofSession.map((_message, index) => `${session}${index}`));
    }
  });

  it('take over the runs of a worker that was killed, within its lease and 3 s', async () => {
    await using ground = await WorkerGround.open({ tool: false });
    await ground.serve('--no-worker');
    const gate = Promise.withResolvers<void>();
    ground.hold = gate.promise;
    const first = await ground.worker();
    const messages = ['k0', 'k1', 'k2', 'k3'];
    const sent = await Promise.all(messages.map((message) => ground.submit(message, `ses_${message}`)));
    await expect.poll(() => ground.held, { timeout: 20_000 }).toBe(messages.length);
    await ground.worker();
    expect((await workersOf(ground)).find(({ pid }) => pid === first.child.pid)?.active_runs).toBe(4);

    const killedAt = performance.now();
    await ground.end(first.child, 'SIGKILL');
    ground.hold = Promise.resolve();
    for (const [index, { answer }] of sent.entries())
      expect(await answer).toBe(`answer to ${messages[index]}`);
    expect(performance.now() - killedAt).toBeLessThan(leaseMs + 3000);
    gate.resolve();
    // Once when it was in flight, once by whoever took over.
    expect(messages.map((message) => ground.modelCalls.get(`${message}/1`))).toEqual([2, 2, 2, 2]);
    const dead = (await workersOf(ground)).filter(({ pid }) => pid === first.child.pid);
    expect(dead.every(({ alive }) => !alive)).toBe(true);
  });

  it('only accept without a worker, work on the queues of their choice, and deliver what others executed', async () => {
    const telegram = await FakeTelegram.start();
    try {
      await using ground = await WorkerGround.open({
        tool: false,
        files: {
          'channels/telegram.yaml': `apiVersion: agent33/v1\nkind: Channel\nmetadata: { name: telegram }\nspec: { platform: telegram, agent: helper, token: "${telegram.token}", apiBase: "${telegram.apiBase}", pollTimeout: 2s }\n`,
        },
      });
      await ground.serve('--no-worker');
      const { answer } = await ground.submit('early', 'ses_early');
      telegram.userSays({ chatId: 7, text: 'hello' });
      const queued = async (): Promise<readonly { status: string }[]> =>
        ((await (await ground.request('GET', '/api/v1/runs')).json()) as { items: { status: string }[] })
          .items;
      await expect.poll(async () => (await queued()).length, { timeout: 20_000 }).toBe(2);
      expect(ground.modelCalls.size).toBe(0);

      const runs = await ground.worker('--queues', 'runs', '--concurrency', '3', '--port', '0');
      expect(runs.banner).toMatch(/queues\s+runs\n/);
      expect(await answer).toBe('answer to early');
      await expect
        .poll(async () => (await queued()).map(({ status }) => status), { timeout: 20_000 })
        .toEqual(['completed', 'completed']);
      expect(telegram.messages).toHaveLength(0);

      await ground.worker('--queues', 'deliveries');
      expect((await telegram.waitForMessages(1, 20_000))[0]).toMatchObject({ text: 'answer to hello' });
      const roles = (await workersOf(ground)).map((worker) => worker.roles.join(','));
      expect(roles.toSorted()).toEqual(['', 'deliveries', 'runs']);
      const listed = await ground.shell.run('workers', 'list', '--url', ground.url);
      expect(listed.out).toMatch(/deliveries\s.*alive/);
      // Nobody polls twice.
      expect(telegram.messages).toHaveLength(1);
    } finally {
      await telegram.stop();
    }
  });

  it('answer probes on a port of their own, and metrics only with a key', async () => {
    await using ground = await WorkerGround.open({ tool: false });
    const { child, banner } = await ground.worker('--port', '0', '--queues', 'runs');
    const probes = /probes\s+(\S+)\/readyz/.exec(banner)?.[1] ?? '';
    expect(probes).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(await (await fetch(`${probes}/readyz`)).json()).toEqual({ ready: true, failing: [] });
    expect((await fetch(`${probes}/metrics`)).status).toBe(401);
    expect((await fetch(`${probes}/api/v1/runs`)).status).toBe(404);
    expect(await ground.end(child)).toBe(0);
  });
});

describe('a worker beside the embedded database', () => {
  it('is refused with the reason', async () => {
    const { mkdtemp, rm } = await import('node:fs/promises');
    const { CommandLine } = await import('../cli/command-line.ts');
    const folder = await mkdtemp('/tmp/agent33-worker-');
    try {
      const { code, err } = await new CommandLine(folder).run('worker', '--dir', folder);
      expect(code).toBe(2);
      expect(err).toContain('a worker needs PostgreSQL (DATABASE_URL)');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
