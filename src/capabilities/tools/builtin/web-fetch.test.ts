import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEgressClient } from '../../../platform/http-client/index.ts';
import { createToolContext } from '../../../testing/tool-context.ts';
import { createClockTool } from './clock.ts';
import { createWebFetchTool } from './web-fetch.ts';
import { FakeClock } from '../../../testing/index.ts';

let server: Server;
let origin: string;
const seen: { method: string | undefined; body: string; key: unknown }[] = [];
beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      seen.push({ method: request.method, body, key: request.headers['idempotency-key'] });
      switch (request.url ?? '') {
        case '/page':
          response.setHeader('content-type', 'text/html; charset=utf-8');
          response.end(
            '<title>Shop</title><script>evil()</script><h1>Prices</h1><p>Tea &amp; cake: <b>4 €</b></p>',
          );
          return;
        case '/huge':
          response.setHeader('content-type', 'text/plain');
          response.end(Buffer.alloc(5 * 1024 * 1024 + 1, 0x61));
          return;
        case '/image':
          response.setHeader('content-type', 'image/png');
          response.end('x');
          return;
        case '/elsewhere':
          response.writeHead(302, { location: 'http://example.invalid/' });
          response.end();
          return;
        case '/broken':
          response.writeHead(503, { 'content-type': 'text/plain' });
          response.end('try later');
          return;
        default:
          response.setHeader('content-type', 'application/json');
          response.end(JSON.stringify({ method: request.method, body }));
      }
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

async function fetchPage(
  parameters: Record<string, string>,
  options: { domains?: string[]; allowPrivate?: string[] } = {},
) {
  const { domains = ['127.0.0.1'], allowPrivate = ['127.0.0.1'] } = options;
  const tool = createWebFetchTool({ createEgress: createEgressClient, allowPrivate });
  const context = createToolContext({ use: { name: tool.name, domains } });
  try {
    return await tool.execute({ method: 'GET', ...parameters }, context);
  } catch (error) {
    return { ok: false, code: (error as { code: string }).code, content: (error as Error).message } as const;
  }
}

describe('web_fetch', () => {
  it('returns the readable text of a page', async () => {
    const { content } = await fetchPage({ url: `${origin}/page` });
    expect(content).toContain('Prices');
    expect(content).toContain('Tea & cake: 4 €');
    expect(content).not.toContain('evil');
  });

  it('posts with the key of its step, so that a repetition is recognised', async () => {
    const result = await fetchPage({ url: `${origin}/api`, method: 'POST', body: '{"a":1}' });
    expect(result).toMatchObject({ ok: true, content: '{"method":"POST","body":"{\\"a\\":1}"}' });
    expect(seen.at(-1)).toMatchObject({ method: 'POST', key: 'run_test:tool:1:0' });
  });

  it('reaches only the hosts that the agent names, and none when it names none', async () => {
    const before = seen.length;
    expect(await fetchPage({ url: `${origin}/page` }, { domains: [] })).toMatchObject({
      ok: false,
      code: 'tool_denied',
    });
    expect(await fetchPage({ url: `${origin}/page` }, { domains: ['example.com'] })).toMatchObject({
      ok: false,
      code: 'egress_denied',
    });
    expect(await fetchPage({ url: `${origin}/page` }, { allowPrivate: [] })).toMatchObject({
      ok: false,
      code: 'egress_denied',
    });
    expect(seen.length).toBe(before);
    expect(await fetchPage({ url: `${origin}/elsewhere` })).toMatchObject({
      ok: false,
      code: 'egress_denied',
    });
  });

  it('says what it could not use: too large, no text, refused', async () => {
    expect(await fetchPage({ url: `${origin}/huge` })).toMatchObject({ ok: false });
    expect(await fetchPage({ url: `${origin}/image` })).toMatchObject({ code: 'unsupported_media_type' });
    const refused = await fetchPage({ url: `${origin}/broken` });
    expect(refused).toMatchObject({ ok: false, code: 'upstream_error' });
    expect(refused.content).toContain('503');
  });
});

describe('clock', () => {
  const call = (timezone: string) =>
    createClockTool(new FakeClock(Date.UTC(2026, 6, 1, 12))).execute({ timezone }, createToolContext());

  it('tells the time of zones and cities, summer time included', async () => {
    expect((await call('Europe/Lisbon')).content).toContain('13:00:00');
    expect((await call('Tokyo')).content).toContain('21:00:00');
    expect((await call('UTC')).content).toContain('2026-07-01T12:00:00.000Z');
  });

  it('names a zone that does not exist', async () => {
    expect(await call('Mars/Olympus')).toMatchObject({ ok: false, code: 'invalid_request' });
    expect((await call('Mars/Olympus')).content).toContain('timezone: "Mars/Olympus"');
  });
});
