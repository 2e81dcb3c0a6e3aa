import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { type AddressInfo } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { acceptWebSockets } from '../../testing/fake-web-socket-server.ts';
import { bodyOf, EgressGround, failureOf, textOf, toLoopback } from '../../testing/egress-ground.ts';
import { createEgressClient } from './create-egress-client.ts';

const ground = new EgressGround();
afterEach(() => ground.close());

describe('requests', () => {
  it('carry method, headers and body, and bring status, headers in lower case and text', async () => {
    const port = await ground.serve((request, response) => {
      void bodyOf(request).then((body) => {
        response.writeHead(201, { 'X-Kind': 'Test', 'set-cookie': ['a=1', 'b=2'] });
        response.end(`${request.method} ${request.url} ${String(request.headers['x-mine'])} ${body}`);
      });
    });
    const url = `http://127.0.0.1:${port}/way?q=1`;
    const response = await ground
      .open()
      .request({ url, method: 'PUT', headers: { 'x-mine': 'yes' }, body: 'data' });
    expect(response).toMatchObject({
      status: 201,
      url,
      headers: { 'x-kind': 'Test', 'set-cookie': 'a=1, b=2' },
    });
    expect(await textOf(response)).toBe('PUT /way?q=1 yes data');
  });

  it('by fetch take a Request with all its parts', async () => {
    const port = await ground.serve((request, response) => {
      void bodyOf(request).then((body) =>
        response.end(`${request.method} ${String(request.headers['x-mine'])} ${body}`),
      );
    });
    const request = new Request(`http://127.0.0.1:${port}/`, {
      method: 'POST',
      headers: { 'x-mine': 'yes' },
      body: 'data',
    });
    expect(await (await ground.open().fetch(request)).text()).toBe('POST yes data');
  });

  it('by fetch go through the guard, whatever dispatcher and redirect mode are asked for', async () => {
    let hits = 0;
    const port = await ground.serve((_request, response) => {
      hits += 1;
      response.writeHead(302, { location: '/next' }).end();
    });
    const url = `http://127.0.0.1:${port}/`;
    const init = { redirect: 'follow', dispatcher: { dispatch: () => true } } as unknown as RequestInit;
    await expect(ground.open({ allowPrivate: [] }).fetch(url, init)).rejects.toMatchObject({
      code: 'egress_denied',
    });
    expect(hits).toBe(0);
    await expect(ground.open().fetch(url, init)).rejects.toMatchObject({
      code: 'upstream_error',
      message: `"127.0.0.1:${port}" redirects, which is not followed`,
    });
    expect(hits).toBe(1);
  });

  it('ignore proxies that the environment names', async () => {
    let proxied = 0;
    const proxy = await ground.serve((_request, response) => {
      proxied += 1;
      response.end('by proxy');
    });
    const port = await ground.serve((_request, response) => response.end('direct'));
    const names = ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy', 'NODE_USE_ENV_PROXY'];
    const before = names.map((name) => [name, process.env[name]] as const);
    ground.later(async () => {
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    });
    for (const name of names) process.env[name] = `http://127.0.0.1:${proxy}`;
    const client = ground.open();
    const url = `http://127.0.0.1:${port}/`;
    expect(await textOf(await client.request({ url }))).toBe('direct');
    expect(await (await client.fetch(url)).text()).toBe('direct');
    expect(proxied).toBe(0);
  });

  it('give TLS the name of the host, never its address', async () => {
    const hello: Buffer[] = [];
    const port = await ground.serveRaw((socket) => {
      socket.on('data', (data) => {
        hello.push(data);
        socket.destroy();
      });
    });
    const client = ground.open({}, { resolve: toLoopback });
    const failure = client.request({ url: `https://Shop.example.:${port}/` });
    await expect(failure).rejects.toMatchObject({ code: 'upstream_error' });
    expect(Buffer.concat(hello).toString('latin1')).toContain('shop.example');
    hello.length = 0;
    await expect(client.request({ url: `https://127.0.0.1:${port}/` })).rejects.toMatchObject({
      code: 'upstream_error',
    });
    expect(hello).not.toEqual([]);
    expect(Buffer.concat(hello).toString('latin1')).not.toContain('127.0.0.1');
  });

  it('try the next address of a name when one refuses', async () => {
    const port = await ground.serve((_request, response) => response.end('here'));
    const client = ground.open(
      { allowPrivate: ['127.0.0.0/8'] },
      {
        resolve: () =>
          Promise.resolve([
            { address: '127.0.0.2', family: 4 },
            { address: '127.0.0.1', family: 4 },
          ]),
      },
    );
    expect(await textOf(await client.request({ url: `http://two.example:${port}/` }))).toBe('here');
  });
});

describe('redirects', () => {
  const redirectTo = (location: string, status = 302) =>
    ground.serve((_request, response) => response.writeHead(status, { location }).end('moved'));

  it.each([
    ['loopback', 'http://127.0.0.1:1/', 'egress_denied'],
    ['the metadata service', 'http://169.254.169.254/latest/', 'egress_denied'],
    ['a private address without scheme', '//10.0.0.1/', 'egress_denied'],
    ['a spelled address', 'http://0x7f.1/', 'egress_denied'],
    ['IPv6', 'http://[::1]/', 'egress_denied'],
    ['a file', 'file:///etc/passwd', 'egress_denied'],
    ['gopher', 'gopher://127.0.0.1:70/', 'egress_denied'],
    ['a place with credentials', 'http://user:hunter22@start.example/', 'egress_denied'],
    ['nowhere', 'http://[broken/', 'upstream_error'],
  ])('to %s are refused', async (_name, location, code) => {
    const port = await redirectTo(location);
    const client = ground.open({ allowPrivate: ['start.example'], maxRedirects: 3 }, { resolve: toLoopback });
    const failure = await failureOf(client.request({ url: `http://start.example:${port}/` }));
    expect(failure).toMatchObject({ name: 'AppError', code });
    expect(String(failure)).not.toContain('hunter22');
  });

  it('to a name with a private address, or off the list of hosts, are refused', async () => {
    const port = await redirectTo('http://inner.example/');
    const start = `http://start.example:${port}/`;
    const allowPrivate = ['start.example'];
    await expect(
      ground.open({ allowPrivate, maxRedirects: 1 }, { resolve: toLoopback }).request({ url: start }),
    ).rejects.toMatchObject({ code: 'egress_denied', details: { host: 'inner.example' } });
    await expect(
      ground
        .open({ allowPrivate, maxRedirects: 1, hosts: ['start.example'] }, { resolve: toLoopback })
        .request({
          url: start,
        }),
    ).rejects.toMatchObject({ message: expect.stringContaining('not on the list') });
  });

  it('are answers where none is followed, and errors where there are too many', async () => {
    const port = await redirectTo('/again');
    const url = `http://127.0.0.1:${port}/`;
    const answer = await ground.open().request({ url });
    expect(answer).toMatchObject({ status: 302, headers: { location: '/again' } });
    expect(await textOf(answer)).toBe('moved');
    await expect(ground.open({ maxRedirects: 2 }).request({ url })).rejects.toMatchObject({
      code: 'upstream_error',
      message: `"127.0.0.1:${port}" redirects too often`,
    });
  });

  it('keep credentials on their origin only', async () => {
    const seen: IncomingMessage['headers'][] = [];
    const second = await ground.serve((request, response) => {
      seen.push(request.headers);
      response.end('there');
    });
    const first = await ground.serve((request, response) => {
      seen.push(request.headers);
      const location = request.url === '/' ? '/same' : `http://127.0.0.1:${second}/`;
      response.writeHead(307, { location }).end();
    });
    const secrets = {
      Authorization: 'Bearer s',
      cookie: 'c=1',
      'X-Api-Key': 'k',
      'proxy-authorization': 'p',
    };
    const answer = await ground.open({ maxRedirects: 5 }).request({
      url: `http://127.0.0.1:${first}/`,
      headers: { ...secrets, host: 'vhost.example', accept: 'text/plain' },
    });
    expect(answer.url).toBe(`http://127.0.0.1:${second}/`);
    expect(seen).toHaveLength(3);
    expect(seen[1]).toMatchObject({ authorization: 'Bearer s', cookie: 'c=1', 'x-api-key': 'k' });
    expect(seen[2]).toMatchObject({ accept: 'text/plain', host: `127.0.0.1:${second}` });
    for (const name of Object.keys(secrets)) expect(seen[2]).not.toHaveProperty(name.toLowerCase());
  });

  it.each([
    [301, 'POST', 'GET', ''],
    [302, 'POST', 'GET', ''],
    [303, 'PUT', 'GET', ''],
    [303, 'HEAD', 'HEAD', ''],
    [302, 'PUT', 'PUT', 'data'],
    [307, 'POST', 'POST', 'data'],
    [308, 'POST', 'POST', 'data'],
  ] as const)('with status %i turn %s into %s', async (status, method, wanted, body) => {
    const seen: unknown[] = [];
    const port = await ground.serve((request, response) => {
      if (request.url === '/') {
        request.resume();
        response.writeHead(status, { location: '/next' }).end();
        return;
      }
      void bodyOf(request).then((text) => {
        seen.push([request.method, text, request.headers['content-type']]);
        response.end();
      });
    });
    await ground.open({ maxRedirects: 1 }).request({
      url: `http://127.0.0.1:${port}/`,
      method,
      ...(method === 'HEAD' ? {} : { body: 'data', headers: { 'content-type': 'text/plain' } }),
    });
    expect(seen).toEqual([[wanted, body, body === '' ? undefined : 'text/plain']]);
  });
});

describe('answers', () => {
  const compressed = { gzip: gzipSync, GZIP: gzipSync, br: brotliCompressSync, deflate: deflateSync };

  it.each(Object.entries(compressed))('are unpacked: %s', async (encoding, compress) => {
    const port = await ground.serve((_request, response) => {
      response.writeHead(200, { 'content-encoding': encoding }).end(compress('plain text'));
    });
    expect(await textOf(await ground.open().request({ url: `http://127.0.0.1:${port}/` }))).toBe(
      'plain text',
    );
  });

  it('are unpacked layer by layer, but not without end', async () => {
    const port = await ground.serve((request, response) => {
      const body = brotliCompressSync(gzipSync('deep'));
      response.writeHead(200, { 'content-encoding': request.url === '/2' ? 'gzip, br' : 'gzip, gzip, br' });
      response.end(body);
    });
    const client = ground.open();
    expect(await textOf(await client.request({ url: `http://127.0.0.1:${port}/2` }))).toBe('deep');
    await expect(client.request({ url: `http://127.0.0.1:${port}/3` })).rejects.toMatchObject({
      code: 'upstream_error',
      message: expect.stringContaining('unknown encoding'),
    });
  });

  it('without a body may name an encoding all the same', async () => {
    const port = await ground.serve((request, response) => {
      response.writeHead(request.url === '/204' ? 204 : 200, { 'content-encoding': 'gzip' }).end();
    });
    const client = ground.open();
    const head = await client.request({ url: `http://127.0.0.1:${port}/`, method: 'HEAD' });
    expect(await textOf(head)).toBe('');
    expect(await textOf(await client.request({ url: `http://127.0.0.1:${port}/204` }))).toBe('');
  });

  it.each(['constructor', 'zstd'])(
    'with the unknown encoding %s are refused and let go',
    async (encoding) => {
      let closed = 0;
      const port = await ground.serve((_request, response) => {
        response.on('close', () => (closed += 1));
        response.writeHead(200, { 'content-encoding': encoding }).write('endless');
      });
      await expect(ground.open().request({ url: `http://127.0.0.1:${port}/` })).rejects.toMatchObject({
        code: 'upstream_error',
        message: `the answer of "127.0.0.1:${port}" has the unknown encoding "${encoding}"`,
      });
      await expect.poll(() => closed).toBe(1);
    },
  );

  it('that cannot be unpacked, or are no HTTP, say so', async () => {
    const zipped = await ground.serve((request, response) => {
      response.writeHead(200, { 'content-encoding': String(request.url).slice(1) }).end('not packed at all');
    });
    const raw = await ground.serveRaw((socket) => void socket.end('SSH-2.0-OpenSSH_9.6\r\n'));
    const message = (port: number) => `"127.0.0.1:${port}" gave an answer that cannot be read`;
    for (const encoding of ['gzip', 'br', 'deflate']) {
      const answer = await ground.open().request({ url: `http://127.0.0.1:${zipped}/${encoding}` });
      await expect(textOf(answer)).rejects.toMatchObject({
        code: 'upstream_error',
        message: message(zipped),
      });
    }
    await expect(ground.open().request({ url: `http://127.0.0.1:${raw}/` })).rejects.toMatchObject({
      code: 'upstream_error',
      message: message(raw),
    });
  });

  it('are cut at their largest size, counted after unpacking, and the connection ends', async () => {
    let closed = 0;
    const port = await ground.serve((request, response) => {
      response.on('close', () => (closed += 1));
      if (request.url === '/bomb')
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(5_000_000)));
      else if (request.url === '/fits') response.end('x'.repeat(1000));
      else response.write('x'.repeat(1001));
    });
    const at = (path: string) => `http://127.0.0.1:${port}/${path}`;
    const client = ground.open({ maxBodyBytes: 1000 });
    expect(await textOf(await client.request({ url: at('fits') }))).toHaveLength(1000);
    const fetched = await client.fetch(at('fits'));
    expect([fetched.status, fetched.url]).toEqual([200, at('fits')]);
    expect(await fetched.text()).toHaveLength(1000);
    for (const path of ['bomb', 'endless']) {
      const tooLarge = {
        code: 'payload_too_large',
        message: `the answer of "127.0.0.1:${port}" is larger than 1000 bytes`,
      };
      await expect(client.request({ url: at(path) }).then(textOf)).rejects.toMatchObject(tooLarge);
      await expect(client.fetch(at(path)).then((answer) => answer.text())).rejects.toMatchObject(tooLarge);
    }
    await expect.poll(() => closed).toBe(6);
  });

  it('that break off reject the reader, and an answer nobody reads harms nobody', async () => {
    const port = await ground.serve((_request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('some', () => response.destroy());
    });
    const url = `http://127.0.0.1:${port}/`;
    const client = ground.open();
    const unread = await client.request({ url });
    await expect.poll(() => unread.body.destroyed).toBe(true);
    const broken = { code: 'upstream_error', message: `the connection to "127.0.0.1:${port}" broke` };
    await expect(textOf(unread)).rejects.toMatchObject(broken);
    await expect(client.request({ url }).then(textOf)).rejects.toMatchObject(broken);
  });
});

describe('WebSockets', () => {
  it('are opened where the policy allows it, and carry messages both ways', async () => {
    const server = createHttpServer();
    acceptWebSockets(server, (socket) => {
      socket.onMessage = (text) => socket.send(`echo ${text}`);
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const address = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const client = createEgressClient({ allowPrivate: ['127.0.0.1'] });
    const socket = client.openWebSocket(address);
    await once(socket, 'open');
    socket.send('hello');
    expect(((await once(socket, 'message')) as [MessageEvent])[0].data).toBe('echo hello');
    const closed = once(socket, 'close');
    await client.close();
    await closed;
    server.closeAllConnections();
    server.close();
  });

  it('go through the guard and the list of hosts', async () => {
    let reached = 0;
    const server = createHttpServer();
    acceptWebSockets(server, () => (reached += 1));
    server.on('connection', () => (reached += 1));
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as AddressInfo;
    const client = createEgressClient({ allowPrivate: [], hosts: ['127.0.0.1', 'a.test'] });
    const [closed] = (await once(client.openWebSocket(`ws://127.0.0.1:${port}/`), 'close')) as [CloseEvent];
    expect(closed.code).toBe(1006);
    expect(reached).toBe(0);
    expect(() => client.openWebSocket('wss://b.test/')).toThrow('not on the list');
    expect(() => client.openWebSocket('file:///etc/passwd')).toThrow('expected a ws: or wss: address');
    await client.close();
    server.close();
  });
});
