import { once } from 'node:events';
import { request as requestHttp, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../base/index.ts';
import { FakeClock } from '../../testing/fake-clock.ts';
import { asAdmin, createHttpGround } from '../../testing/http-ground.ts';
import { createHttpServer, type HttpServer } from './index.ts';

const servers: HttpServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

async function serve(options: Parameters<typeof createHttpGround>[0] = {}, drainMs = 1000) {
  const ground = createHttpGround({ clock: systemClock, ...options });
  const server = createHttpServer({ ...ground.deps, drainMs });
  servers.push(server);
  await server.start();
  return { ...ground, server, url: server.url };
}

function chat(url: string, body: object): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = requestHttp(`${url}/api/v1/chat`, {
      method: 'POST',
      headers: { ...asAdmin, 'content-type': 'application/json' },
    });
    outgoing.once('response', resolve).once('error', reject).end(JSON.stringify(body));
  });
}

/** A run that goes on until the test ends it. */
function heldRun(runs: Awaited<ReturnType<typeof serve>>['runs']) {
  let release: (text: string) => void = () => {};
  const begun = new Promise<void>((resolve) => {
    runs.script = () =>
      new Promise((finish) => {
        release = finish;
        resolve();
      });
  });
  return { begun, release: (text: string) => release(text) };
}

describe('HttpServer', () => {
  it('listens on a free port and tells its address', async () => {
    const { url } = await serve();
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  it('gives the address of this machine when it listens on all', async () => {
    const { url } = await serve({ config: { API_HOST: '0.0.0.0' } });
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  });

  it('starts and stops again and again', async () => {
    const { server } = await serve();
    await server.start();
    await server.stop();
    await server.stop();
    expect(() => server.url).toThrow('does not listen');
    await server.start();
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  });

  it('says when its port is taken', async () => {
    const { url } = await serve();
    const port = Number(new URL(url).port);
    const second = createHttpServer(createHttpGround({ config: { API_PORT: port } }).deps);
    await expect(second.start()).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await second.stop();
  });

  it('lets an answer under way finish while it stops, and takes nothing new', async () => {
    const { server, url, runs } = await serve();
    const { begun, release } = heldRun(runs);
    const answer = fetch(`${url}/api/v1/chat`, {
      method: 'POST',
      headers: { ...asAdmin, 'content-type': 'application/json' },
      body: '{"message":"hi"}',
    });
    await begun;
    const stopping = server.stop();
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
    release('late but here');
    expect(await (await answer).json()).toMatchObject({ response: 'late but here' });
    await stopping;
  });

  it('does not wait longer than its drain time', async () => {
    const { server, url, runs } = await serve({}, 30);
    const { begun } = heldRun(runs);
    const plain = chat(url, { message: 'hi' });
    await begun;
    const streamed = await chat(url, { message: 'hi', stream: true });
    await server.stop();
    expect((await plain).statusCode).toBe(503);
    let text = '';
    for await (const chunk of streamed) text += String(chunk);
    expect(text).toContain('event: error');
    expect(text).toContain('not_ready');
  });

  it('sends a comment while nothing happens, so that connections stay open', async () => {
    const clock = new FakeClock();
    const { url, runs } = await serve({ clock });
    const { begun, release } = heldRun(runs);
    const response = await chat(url, { message: 'hi', stream: true });
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    await begun;
    await expect.poll(() => text).toContain('run-start');
    await clock.advance(15_000);
    expect(text).not.toContain('keep-alive');
    await clock.advance(15_000);
    await expect.poll(() => text).toContain(': keep-alive\n\n');
    release('x');
    await once(response, 'end');
    expect(clock.pending).toBe(0);
  });

  it('keeps the run when the reader of its stream goes away', async () => {
    const { url, runs, deps } = await serve();
    const { begun, release } = heldRun(runs);
    const response = await chat(url, { message: 'hi', stream: true });
    await begun;
    response.destroy();
    release('for nobody');
    const ended = await deps.runs.response({ tenant: 'default', principal: 'x', scopes: [] }, 'run_1', {
      signal: AbortSignal.timeout(1000),
    });
    expect(ended.text).toBe('for nobody');
    expect(runs.cancelled).toEqual([]);
  });

  it('waits for a slow reader instead of filling the memory', async () => {
    const { url, runs } = await serve();
    const text = 'x'.repeat(64_000);
    let taken = 0;
    const events = runs.events.bind(runs);
    runs.events = async function* (...given) {
      for await (const stored of events(...given)) {
        taken += 1;
        yield stored;
      }
    };
    runs.script = ({ emit }) => {
      for (let index = 0; index < 300; index += 1) emit({ type: 'text-delta', step: 'model:1', text });
      return Promise.resolve('end');
    };
    const response = await chat(url, { message: 'hi', stream: true });
    response.pause();
    let before = -1;
    const isStill = (): boolean => {
      const same = taken === before && taken > 0;
      before = taken;
      return same;
    };
    await expect.poll(isStill, { interval: 100 }).toBe(true);
    // What lies in the buffers of two sockets is far less than the whole 19 MB.
    expect(taken).toBeLessThan(200);
    let length = 0;
    for await (const chunk of response) length += (chunk as Buffer).length;
    expect(length).toBeGreaterThan(300 * 64_000);
  });

  it.each([
    ['no HTTP', 'hello there\r\n\r\n', '400 Bad Request'],
    [
      'headers without end',
      `GET / HTTP/1.1\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`,
      '431 Request Header Fields Too Large',
    ],
  ])('answers %s politely and hangs up', async (_what, bytes, status) => {
    const { url } = await serve();
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.write(bytes);
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    expect(text.split('\r\n')[0]).toBe(`HTTP/1.1 ${status}`);
    expect(text).toContain('application/problem+json');
  });
});
