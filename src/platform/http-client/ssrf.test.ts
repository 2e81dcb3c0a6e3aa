import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { assertAddress } from './address-guard.ts';
import { createEgressClient } from './create-egress-client.ts';
import type { EgressClient, EgressPolicy } from './egress.ts';
import type { ResolveHost } from './guarded-connector.ts';

const addresses = (...all: readonly string[]) =>
  all.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));

/** A server that must not be reached: it listens wherever this machine answers under an inner address. */
let trap: Server;
let port: number;
let hits: (string | undefined)[];
const clients: EgressClient[] = [];

async function listen(host: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    trap.once('error', reject).listen(0, host, resolve);
  });
}

beforeEach(async () => {
  hits = [];
  trap = createServer((request, response) => {
    hits.push(request.headers.host);
    response.setHeader('connection', 'close');
    response.end('inner secret');
  });
  await listen('::').catch(() => listen('0.0.0.0'));
  ({ port } = trap.address() as AddressInfo);
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  trap.closeAllConnections();
  await new Promise((resolve) => {
    trap.close(resolve);
  });
});

function open(policy: Partial<EgressPolicy> = {}, resolve?: ResolveHost): EgressClient {
  const client = createEgressClient(
    { allowPrivate: [], ...policy },
    resolve === undefined ? {} : { resolve },
  );
  clients.push(client);
  return client;
}

/** Both ways out of the client, as the outcome of reading the whole answer. */
const ways = {
  request: async (client: EgressClient, url: string) => {
    const { body } = await client.request({ url });
    return Buffer.concat((await body.toArray()) as Buffer[]).toString();
  },
  fetch: async (client: EgressClient, url: string) => (await client.fetch(url)).text(),
};

/** Spellings of places that are not public; `PORT` is the trap's. */
const literals: readonly (readonly [name: string, url: string])[] = [
  ['loopback', 'http://127.0.0.1:PORT/'],
  ['the end of the loopback net', 'http://127.255.255.254:PORT/'],
  ['loopback, IPv6', 'http://[::1]:PORT/'],
  ['loopback, IPv6 in full', 'http://[0000:0:0:0:0:0:0:0001]:PORT/'],
  ['unspecified', 'http://0.0.0.0:PORT/'],
  ['zero', 'http://0:PORT/'],
  ['this network', 'http://0.1.2.3:PORT/'],
  ['unspecified, IPv6', 'http://[::]:PORT/'],
  ['private 10/8', 'http://10.0.0.1:PORT/'],
  ['private 172.16/12', 'http://172.16.0.1:PORT/'],
  ['private 172.16/12, its end', 'http://172.31.255.255:PORT/'],
  ['private 192.168/16', 'http://192.168.0.1:PORT/'],
  ['carrier-grade NAT', 'http://100.64.0.1:PORT/'],
  ['metadata service', 'http://169.254.169.254/latest/meta-data/'],
  ['metadata service of Alibaba', 'http://100.100.100.200/'],
  ['metadata service of Oracle', 'http://192.0.0.192/'],
  ['wire server of Azure', 'http://168.63.129.16/'],
  ['metadata service over IPv6', 'http://[fd00:ec2::254]/'],
  ['benchmarking', 'http://198.18.0.1:PORT/'],
  ['multicast', 'http://224.0.0.1:PORT/'],
  ['broadcast', 'http://255.255.255.255:PORT/'],
  ['reserved 240/4', 'http://240.0.0.1:PORT/'],
  ['mapped IPv4', 'http://[::ffff:127.0.0.1]:PORT/'],
  ['mapped IPv4 in hex', 'http://[::ffff:7f00:1]:PORT/'],
  ['mapped metadata service', 'http://[::ffff:a9fe:a9fe]/'],
  ['IPv4-compatible', 'http://[::127.0.0.1]:PORT/'],
  ['IPv4-compatible private', 'http://[::10.0.0.1]:PORT/'],
  ['IPv4-translated', 'http://[::ffff:0:127.0.0.1]:PORT/'],
  ['NAT64', 'http://[64:ff9b::127.0.0.1]:PORT/'],
  ['NAT64 to the metadata service', 'http://[64:ff9b::a9fe:a9fe]/'],
  ['local-use NAT64', 'http://[64:ff9b:1::7f00:1]:PORT/'],
  ['6to4', 'http://[2002:7f00:1::]:PORT/'],
  ['Teredo', 'http://[2001:0:7f00:1::]:PORT/'],
  ['unique local fc00', 'http://[fc00::1]:PORT/'],
  ['unique local fd00', 'http://[fdff:ffff::1]:PORT/'],
  ['link-local, IPv6', 'http://[fe80::1]:PORT/'],
  ['site-local', 'http://[fec0::1]:PORT/'],
  ['multicast, IPv6', 'http://[ff02::1]:PORT/'],
  ['documentation', 'http://[2001:db8::1]:PORT/'],
  ['unassigned IPv6', 'http://[4000::1]:PORT/'],
  ['decimal', 'http://2130706433:PORT/'],
  ['octal', 'http://0177.0.0.1:PORT/'],
  ['octal with more zeros', 'http://00000177.0.0.01:PORT/'],
  ['hexadecimal', 'http://0x7f000001:PORT/'],
  ['hexadecimal parts', 'http://0x7f.0x0.0x0.0x1:PORT/'],
  ['short form', 'http://127.1:PORT/'],
  ['mixed bases', 'http://0x7f.1:PORT/'],
  ['decimal metadata service', 'http://2852039166/'],
  ['trailing dot', 'http://127.0.0.1.:PORT/'],
  ['percent-encoded', 'http://%31%32%37.0.0.1:PORT/'],
  ['full-width digits', 'http://１２７.０.０.１:PORT/'],
  ['circled digits', 'http://①②⑦.⓪.⓪.①:PORT/'],
  ['ideographic full stops', 'http://127。0。0。1:PORT/'],
  ['soft hyphen', 'http://127.0.\u00AD0.1:PORT/'],
  ['no slashes', 'http:127.0.0.1:PORT'],
  ['backslashes', String.raw`http:\\127.0.0.1:PORT\x`],
  ['tab and newline', 'ht\ttp://127.0.\n0.1:PORT/'],
  ['TLS', 'https://127.0.0.1:PORT/'],
];

describe.each(Object.entries(ways))('SSRF by %s', (_way, get) => {
  it.each(literals)('refuses %s: %s', async (_name, pattern) => {
    const url = pattern.replace('PORT', String(port));
    const { hostname } = new URL(url);
    await expect(get(open(), url)).rejects.toMatchObject({
      name: 'AppError',
      code: 'egress_denied',
      retryable: false,
      message: expect.stringContaining(hostname.replace(/^\[|\]$/g, '')),
      details: { host: hostname.replace(/^\[|\]$/g, '') },
    });
    expect(hits).toEqual([]);
  });

  it.each([
    ['a private address', addresses('127.0.0.1')],
    ['a private address, IPv6', addresses('::1')],
    ['mapped IPv4', addresses('::ffff:127.0.0.1')],
    ['IPv4-compatible', addresses('::7f00:1')],
    ['an address with a zone', addresses('fe80::1%lo')],
    ['several addresses, the last private', addresses('8.8.8.8', '1.1.1.1', '127.0.0.1')],
    ['several addresses, the first private', addresses('127.0.0.1', '8.8.8.8')],
    ['a public IPv4 and a private IPv6', addresses('8.8.8.8', '::1')],
    ['no address at all but text', addresses('localhost')],
  ])('refuses a name that leads to %s', async (_name, found) => {
    const client = open({}, () => Promise.resolve(found));
    await expect(get(client, `http://inner.example:${port}/`)).rejects.toMatchObject({
      code: 'egress_denied',
      message: expect.stringContaining('"inner.example"'),
    });
    expect(hits).toEqual([]);
  });

  it.each(['localhost', 'LOCALHOST', 'localhost.'])('refuses %s by the machine’s resolver', async (host) => {
    await expect(get(open(), `http://${host}:${port}/`)).rejects.toMatchObject({ code: 'egress_denied' });
    expect(hits).toEqual([]);
  });

  it('says upstream_error for a name without an address', async () => {
    const client = open({}, () => Promise.resolve([]));
    await expect(get(client, 'http://void.example/')).rejects.toMatchObject({
      code: 'upstream_error',
      message: '"void.example" has no address',
    });
  });

  it('connects to the address that was checked, not to what the name says a moment later', async () => {
    const answers = [addresses('127.0.0.1'), addresses('169.254.169.254')];
    const asked: string[] = [];
    const client = open({ allowPrivate: ['127.0.0.1'] }, (hostname) => {
      asked.push(hostname);
      return Promise.resolve(answers.shift() ?? addresses('10.0.0.1'));
    });
    const url = `http://rebind.example:${port}/`;
    expect(await get(client, url)).toBe('inner secret');
    expect(asked).toEqual(['rebind.example']);
    expect(hits).toEqual([`rebind.example:${port}`]);
    // The server has closed that connection; the next one asks the name again.
    await expect(get(client, url)).rejects.toMatchObject({ code: 'egress_denied' });
    expect(hits).toHaveLength(1);
    expect(asked).toHaveLength(2);
  });

  it.each([
    ['userinfo before the address', 'http://good.example@127.0.0.1:PORT/', '127.0.0.1'],
    ['user and password', 'http://good.example:hunter22@127.0.0.1:PORT/', '127.0.0.1'],
    ['userinfo with an encoded slash', 'http://good.example%2F@127.0.0.1:PORT/', '127.0.0.1'],
    ['backslash in the host', String.raw`http://127.0.0.1:PORT\@good.example/`, '127.0.0.1'],
    ['a fragment that looks like userinfo', 'http://127.0.0.1:PORT#@good.example/', '127.0.0.1'],
  ])('sees through %s', async (_name, pattern, host) => {
    const failure = get(open({ hosts: ['good.example'] }), pattern.replace('PORT', String(port)));
    await expect(failure).rejects.toMatchObject({
      code: 'egress_denied',
      message: expect.stringContaining(`"${host}"`),
      details: { host },
    });
    await expect(failure).rejects.not.toMatchObject({ message: expect.stringContaining('hunter22') });
    expect(hits).toEqual([]);
  });

  it.each([
    'file:///etc/passwd',
    'ftp://127.0.0.1/',
    'gopher://127.0.0.1:70/_x',
    'data:text/plain,x',
    'ws://a.example/',
    'blob:http://a.example/x',
    'javascript:1',
    'unix:/run/docker.sock',
    'about:blank',
  ])('refuses the scheme of %s', async (url) => {
    await expect(get(open(), url)).rejects.toMatchObject({
      code: 'egress_denied',
      message: expect.stringContaining(`not "${url.split(':')[0]}"`),
    });
  });
});

describe('what an operator opens', () => {
  const url = (host: string) => `http://${host}:${port}/`;
  const named =
    (found: string): ResolveHost =>
    () =>
      Promise.resolve(addresses(found));

  it.each([
    ['the address', '127.0.0.1'],
    ['address and port', '127.0.0.1:PORT'],
    ['a range', '127.0.0.0/8'],
    ['a range and port', '127.0.0.0/8:PORT'],
    ['the mapped address', '::ffff:127.0.0.1'],
  ])('opens %s: %s', async (_name, entry) => {
    const client = open({ allowPrivate: [entry.replace('PORT', String(port))] });
    expect(await ways.request(client, url('127.0.0.1'))).toBe('inner secret');
    expect(await ways.request(client, url('2130706433'))).toBe('inner secret');
    expect(await ways.fetch(client, url('127.0.0.1'))).toBe('inner secret');
  });

  it.each(['inner.example', 'INNER.example.', 'inner.example:PORT', '*.example', '*.example:PORT'])(
    'opens the name %s',
    async (entry) => {
      const client = open({ allowPrivate: [entry.replace('PORT', String(port))] }, named('127.0.0.1'));
      expect(await ways.request(client, url('inner.example'))).toBe('inner secret');
      expect(await ways.request(client, url('inner.example.'))).toBe('inner secret');
      await expect(ways.request(client, url('inner.other'))).rejects.toMatchObject({ code: 'egress_denied' });
      await expect(ways.request(client, url('127.0.0.1'))).rejects.toMatchObject({ code: 'egress_denied' });
    },
  );

  it.each([
    '*',
    '*.',
    '',
    '.',
    'localhost',
    '127.0.0.2',
    '10.0.0.0/8',
    '127.0.0.1:1',
    '127.0.0.0/8:1',
    '127.0.0.0/99',
    '0.0.1',
    '*.0.0.1.example',
    '::1',
    'fc00::/7',
    '::/0',
  ])('does not open 127.0.0.1 by the entry "%s"', async (entry) => {
    await expect(ways.request(open({ allowPrivate: [entry] }), url('127.0.0.1'))).rejects.toMatchObject({
      code: 'egress_denied',
    });
    expect(hits).toEqual([]);
  });

  it.each(['[::1]', '::1', '[::1]:PORT', '0:0:0:0:0:0:0:1', '::/64'])('opens IPv6 by "%s"', (entry) => {
    const allowed = [entry.replace('PORT', String(port))];
    for (const hostname of ['::1', 'inner.example'])
      expect(() => assertAddress('::1', { hostname, port }, allowed)).not.toThrow();
    expect(() => assertAddress('fd00::1', { hostname: 'fd00::1', port }, allowed)).toThrow(/not public/);
  });

  it('a list of hosts narrows and opens nothing', async () => {
    await expect(ways.request(open({ hosts: ['127.0.0.1'] }), url('127.0.0.1'))).rejects.toMatchObject({
      message: expect.stringContaining('not public'),
    });
    for (const hosts of [[], ['example'], ['*.127.0.0.1'], ['*']]) {
      await expect(
        ways.fetch(open({ hosts, allowPrivate: ['127.0.0.1'] }), url('127.0.0.1')),
      ).rejects.toMatchObject({ message: 'host "127.0.0.1" is not on the list of allowed hosts' });
    }
    const client = open({ hosts: ['*.inner.example.'], allowPrivate: ['127.0.0.1'] }, named('127.0.0.1'));
    expect(await ways.request(client, url('A.Inner.example'))).toBe('inner secret');
    for (const host of ['inner.example', 'notinner.example', 'a.inner.example.evil.example'])
      await expect(ways.request(client, url(host))).rejects.toMatchObject({ code: 'egress_denied' });
  });
});

describe('addresses', () => {
  const destination = { hostname: 'any.example', port: 80 };

  it.each([
    '8.8.8.8',
    '1.1.1.1',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '126.255.255.255',
    '128.0.0.0',
    '169.253.255.255',
    '172.15.255.255',
    '172.32.0.0',
    '192.167.255.255',
    '192.169.0.0',
    '223.255.255.255',
    '2606:4700:4700::1111',
    '2a00:1450:4001::1',
    '::ffff:8.8.8.8',
  ])('lets the public address %s pass', (address) => {
    expect(() => assertAddress(address, destination, [])).not.toThrow();
  });

  it('knows inner IPv4 in every spelling and every IPv6 wrapping', async () => {
    const byte = fc.integer({ min: 0, max: 255 });
    const inner = fc.oneof(
      fc.tuple(fc.constantFrom(0, 10, 127), byte, byte, byte),
      fc.tuple(fc.constant(172), fc.integer({ min: 16, max: 31 }), byte, byte),
      fc.tuple(fc.constant(192), fc.constant(168), byte, byte),
      fc.tuple(fc.constant(169), fc.constant(254), byte, byte),
      fc.tuple(fc.constant(100), fc.integer({ min: 64, max: 127 }), byte, byte),
      fc.tuple(fc.integer({ min: 224, max: 255 }), byte, byte, byte),
    );
    const number = ([a, b, c, d]: readonly number[]) =>
      (((a ?? 0) * 256 + (b ?? 0)) * 256 + (c ?? 0)) * 256 + (d ?? 0);
    const groups = (parts: readonly number[]) =>
      `${Math.floor(number(parts) / 65_536).toString(16)}:${(number(parts) % 65_536).toString(16)}`;
    const spelling = fc.constantFrom<(parts: readonly number[]) => string>(
      (parts) => parts.join('.'),
      (parts) => `${parts.join('.')}.`,
      (parts) => parts.map((part) => `0${part.toString(8)}`).join('.'),
      (parts) => parts.map((part) => `0x${part.toString(16)}`).join('.'),
      (parts) => String(number(parts)),
      (parts) => `0x${number(parts).toString(16)}`,
      (parts) => `${parts[0]}.${number([0, ...parts.slice(1)])}`,
      (parts) => `[::ffff:${groups(parts)}]`,
      (parts) => `[::${groups(parts)}]`,
      (parts) => `[::ffff:0:${groups(parts)}]`,
      (parts) => `[64:ff9b::${groups(parts)}]`,
      (parts) => `[2002:${groups(parts)}::1]`,
    );
    const client = open();
    await fc.assert(
      fc.asyncProperty(inner, spelling, async (parts, spell) => {
        await expect(client.request({ url: `http://${spell(parts)}/` })).rejects.toMatchObject({
          code: 'egress_denied',
        });
      }),
      { numRuns: 300 },
    );
  });
});
