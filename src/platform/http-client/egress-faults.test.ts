import { createServer as createTcpServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { AppError } from '../../base/index.ts';
import { EgressGround, failureOf, textOf, toLoopback } from '../../testing/egress-ground.ts';
import { FakeClock } from '../../testing/index.ts';

const ground = new EgressGround();
afterEach(() => ground.close());

describe('errors', () => {
  it('name host and cause when nobody listens', async () => {
    const server = createTcpServer();
    const port = await ground.listen(server);
    await ground.close();
    for (const call of [
      ground.open().request({ url: `http://127.0.0.1:${port}/?key=hunter22` }),
      ground.open().fetch(`http://127.0.0.1:${port}/?key=hunter22`),
    ]) {
      const failure = await failureOf(call);
      expect(failure).toMatchObject({
        name: 'AppError',
        code: 'upstream_error',
        message: `no connection to "127.0.0.1:${port}"`,
      });
      const codes: unknown[] = [];
      for (let cause = failure; cause instanceof Error; cause = cause.cause)
        codes.push((cause as NodeJS.ErrnoException).code);
      expect(codes).toContain('ECONNREFUSED');
    }
  });

  it('are upstream_error, not a refusal, when the peer hangs up at once', async () => {
    const port = await ground.serveRaw((socket) => void socket.resetAndDestroy());
    for (let round = 0; round < 20; round += 1) {
      await expect(ground.open().request({ url: `http://127.0.0.1:${port}/` })).rejects.toMatchObject({
        code: 'upstream_error',
      });
    }
  });

  it.each([
    ['http://user:hunter22@bad host/', '"bad host"'],
    ['http://bad host/bot123:hunter22/send', '"http://bad host"'],
    ['http://bad host?key=hunter22', '"http://bad host"'],
    ['http://user:hunter22/x@[::1', '"[::1"'],
    ['http://', '"http://"'],
    ['/etc/passwd', '"/etc"'],
    ['', '""'],
  ])('of something that is no address hold nothing secret: %s', async (url, shown) => {
    for (const call of [ground.open().request({ url }), ground.open().fetch(url)]) {
      const failure = await failureOf(call);
      expect(failure).toMatchObject({ name: 'AppError', code: 'invalid_request' });
      expect((failure as Error).message).toContain(shown);
      expect(JSON.stringify(failure)).not.toContain('hunter22');
    }
  });

  it('of refused credentials, schemes and hosts hold no credentials, path or query', async () => {
    const client = ground.open({ hosts: ['good.example'] });
    for (const url of [
      'http://hunter22:hunter22@good.example/',
      'ftp://hunter22:hunter22@good.example/hunter22',
      'http://bad.example/hunter22?hunter22#hunter22',
    ]) {
      const failure = await failureOf(client.request({ url }));
      expect(failure).toMatchObject({ code: 'egress_denied' });
      expect((failure as Error).message).toMatch(/"(good|bad)\.example"/);
      expect(JSON.stringify(failure) + String((failure as Error).stack)).not.toContain('hunter22');
    }
  });
});

describe('limits and aborts', () => {
  const limits = { connectMs: 100, headersMs: 100, idleMs: 100 };
  const tooSlow = (host: string) => ({
    name: 'AppError',
    code: 'timeout',
    message: `"${host}" did not answer in time`,
  });

  it('end name resolution', async () => {
    const clock = new FakeClock();
    const client = ground.open({}, { clock, resolve: () => new Promise(() => {}) });
    const failure = failureOf(client.request({ url: 'http://slow.example/' }));
    await expect.poll(() => clock.pending).toBe(1);
    await clock.advance(10_000);
    expect(await failure).toMatchObject({
      code: 'timeout',
      message: 'the name "slow.example" was not resolved in time',
    });
  });

  it('end connecting, TLS included', async () => {
    const port = await ground.serveRaw(() => {});
    const call = ground.open({ limits }).request({ url: `https://127.0.0.1:${port}/` });
    await expect(call).rejects.toMatchObject({
      code: 'timeout',
      message: `"127.0.0.1:${port}" did not accept the connection in time`,
    });
  });

  it('end the wait for the head, by policy or for one request', async () => {
    const port = await ground.serve(() => {});
    const url = `http://127.0.0.1:${port}/`;
    const slow = tooSlow(`127.0.0.1:${port}`);
    await expect(ground.open({ limits }).request({ url })).rejects.toMatchObject(slow);
    await expect(ground.open({ limits }).fetch(url)).rejects.toMatchObject(slow);
    const { signal } = new AbortController();
    await expect(ground.open({ limits }).fetch(url, { signal })).rejects.toMatchObject(slow);
    await expect(ground.open().request({ url, headersTimeoutMs: 100 })).rejects.toMatchObject(slow);
  });

  it('end a silent body', async () => {
    const port = await ground.serve((_request, response) => void response.writeHead(200).write('begun'));
    const url = `http://127.0.0.1:${port}/`;
    const slow = tooSlow(`127.0.0.1:${port}`);
    await expect(ground.open({ limits }).request({ url }).then(textOf)).rejects.toMatchObject(slow);
    await expect(ground.open().request({ url, idleTimeoutMs: 100 }).then(textOf)).rejects.toMatchObject(slow);
    const fetched = await ground.open({ limits }).fetch(url);
    await expect(fetched.text()).rejects.toMatchObject({ cause: { code: 'UND_ERR_BODY_TIMEOUT' } });
  });

  it('abort with what the signal was aborted with: before, while connecting, in head and body', async () => {
    const asked = new AbortController();
    const silent = await ground.serve(() => asked.abort());
    const begun = await ground.serve((_request, response) => void response.writeHead(200).write('begun'));
    const reasons = [new AppError('cancelled', 'stop'), new Error('own reason'), undefined];
    for (const reason of reasons) {
      for (const way of ['request', 'fetch'] as const) {
        const client = ground.open();
        const call = (url: string, signal: AbortSignal) =>
          way === 'request'
            ? client.request({ url, signal }).then(textOf)
            : client.fetch(url, { signal }).then((answer) => answer.text());
        const before = AbortSignal.abort(reason);
        expect(await failureOf(call(`http://127.0.0.1:${silent}/`, before))).toBe(before.reason);
        for (const port of [silent, begun]) {
          const controller = new AbortController();
          const seen = new Promise<void>((resolve) => {
            asked.signal.addEventListener('abort', () => resolve(), { once: true });
          });
          const failure = failureOf(call(`http://127.0.0.1:${port}/`, controller.signal));
          await (port === silent && !asked.signal.aborted ? seen : Promise.resolve());
          controller.abort(reason);
          expect(await failure).toBe(controller.signal.reason);
        }
      }
    }
  });

  it('close ends calls and connections, also those only being made, and no call comes after', async () => {
    let connections = 0;
    const count = (socket: Socket) => {
      connections += 1;
      socket.resume().on('close', () => (connections -= 1));
    };
    const silent = await ground.serveRaw(count);
    const client = ground.open(
      {},
      { resolve: (name) => (name === 'slow.example' ? new Promise(() => {}) : toLoopback(name)) },
    );
    const calls = ['http://127.0.0.1', 'https://127.0.0.1', 'http://slow.example'].map((start) =>
      failureOf(client.request({ url: `${start}:${silent}/` })),
    );
    await expect.poll(() => connections).toBe(2);
    await client.close();
    for (const failure of await Promise.all(calls)) expect(failure).toMatchObject({ code: 'upstream_error' });
    await expect.poll(() => connections).toBe(0);
    await expect(client.request({ url: `http://127.0.0.1:${silent}/` })).rejects.toMatchObject({
      code: 'upstream_error',
      message: `no connection to "127.0.0.1:${silent}": the client is closed`,
    });
    await client.close();
    expect(connections).toBe(0);
  });
});
