import { existsSync } from 'node:fs';
import path from 'node:path';
import { loadCore, measureLoad, serverCore, type Measured } from './gateway/measure-load.ts';
import { median, type Figure } from './report.ts';
import { ServerProcess } from './server-process.ts';

const rounds = 5;
const peer = path.join(import.meta.dirname, 'peers/node_modules/@portkey-ai/gateway');
const at = (file: string): string => path.join(import.meta.dirname, file);
const messages = [
  { role: 'system', content: 'You are a helpful assistant.' },
  { role: 'user', content: 'Hello, how are you? '.repeat(20) },
];

/** A gateway that takes OpenAI's chat completions. */
interface Gateway {
  readonly server: ServerProcess;
  readonly headers: Readonly<Record<string, string>>;
  /** Portkey takes so much longer that fewer requests say as much. */
  readonly share: number;
}

function ask(
  { server, headers }: Gateway,
  requests: number,
  more: { readonly model?: string; readonly stream?: boolean; readonly connections?: number } = {},
): Promise<Measured> {
  const { model = 'chat', stream = false, connections = 32 } = more;
  return measureLoad(server, {
    url: `${server.url}/v1/chat/completions`,
    headers,
    body: { model, messages, temperature: 0.7, ...(stream ? { stream: true } : {}) },
    connections,
    requests,
  });
}

/** Rounds of all gateways in turn, so that all see the same moods of the machine. The first round only warms up. */
async function compare<Name extends string>(
  gateways: Readonly<Record<Name, Gateway>>,
  requests: number,
  more: Parameters<typeof ask>[2],
): Promise<Record<Name, readonly Measured[]>> {
  const names = Object.keys(gateways) as Name[];
  const results = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, Measured[]>;
  for (let round = -2; round < rounds; round += 1) {
    for (const name of names) {
      const gateway = gateways[name];
      const measured = await ask(gateway, Math.ceil(requests * gateway.share), more);
      if (round >= 0) results[name].push(measured);
    }
  }
  return results;
}

const leastCpu = (results: readonly Measured[]): number => Math.min(...results.map(({ cpuUs }) => cpuUs));
const bestRate = (results: readonly Measured[]): number =>
  Math.max(...results.map(({ requests, seconds }) => requests / seconds));
const medianOf = (results: readonly Measured[], field: 'p50' | 'gapP99' | 'cpuUs'): number =>
  median(results.map((one) => one[field]));

const figure = (name: string, value: string, goal: string, met: boolean | undefined): Figure => ({
  name,
  value,
  goal,
  met,
});

async function beside(gateways: { ours: Gateway; bare: Gateway }, portkey: Gateway | undefined) {
  const figures: Figure[] = [];
  for (const [stream, title, goal] of [
    [false, 'plain', 1.6],
    [true, '64-event stream', 1.5],
  ] as const) {
    const all: Readonly<Record<string, Gateway>> = {
      ...gateways,
      ...(portkey === undefined ? {} : { portkey }),
    };
    const results: Partial<Record<string, readonly Measured[]>> = await compare(all, stream ? 4000 : 8000, {
      stream,
    });
    const { ours = [], bare = [], portkey: theirs } = results;
    const cpu = leastCpu(ours);
    const ratio = cpu / leastCpu(bare);
    figures.push(
      figure(
        `${title}, CPU per request against a bare Fastify + undici proxy`,
        `${ratio.toFixed(2)}× (${cpu.toFixed(0)} µs; ${bestRate(ours).toFixed(0)}/s)`,
        `≤ ${goal}×`,
        ratio <= goal,
      ),
    );
    const name = `${title}, against Portkey's gateway: CPU / requests per second`;
    if (theirs === undefined) figures.push(figure(name, 'not installed', '8× less / 5× more', undefined));
    else {
      const less = leastCpu(theirs) / cpu;
      const more = bestRate(ours) / bestRate(theirs);
      const value = `${less.toFixed(1)}× less (${leastCpu(theirs).toFixed(0)} µs) / ${more.toFixed(1)}× more`;
      figures.push(figure(name, value, '8× less / 5× more', less >= 8 && more >= 5));
    }
  }
  return figures;
}

/** Time that a call takes longer than at the upstream itself, one after the other. */
async function addedLatency(ours: Gateway, upstream: Gateway): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const stream of [false, true]) {
    const results = await compare({ ours, upstream }, 1000, { stream, connections: 1 });
    const added = medianOf(results.ours, 'p50') - medianOf(results.upstream, 'p50');
    const name = `added latency at one connection, p50, ${stream ? 'stream' : 'plain'}`;
    figures.push(figure(name, `${added.toFixed(2)} ms`, '≤ 0.5 ms', added <= 0.5));
  }
  return figures;
}

async function pacedStreams(ours: Gateway): Promise<readonly Figure[]> {
  const eventsPerStream = 202;
  await ask(ours, 100, { model: 'paced', stream: true, connections: 100 });
  const results: Measured[] = [];
  for (let round = 0; round < 3; round += 1)
    results.push(await ask(ours, 300, { model: 'paced', stream: true, connections: 100 }));
  const perEvent = leastCpu(results) / eventsPerStream;
  const gap = medianOf(results, 'gapP99');
  return [
    figure('100 streams of an event each 10 ms: gap p99', `${gap.toFixed(0)} ms`, '≤ 25 ms', gap <= 25),
    figure('same, CPU per event', `${perEvent.toFixed(0)} µs`, '≤ 45 µs', perEvent <= 45),
    figure(
      'same, memory of the whole server',
      `${ours.server.residentMb().toFixed(0)} MB`,
      'none set',
      undefined,
    ),
  ];
}

/** The first deployment refuses each connection; what is added is the difference to a group without it. */
async function failover(ours: Gateway): Promise<readonly Figure[]> {
  const plain: Measured[] = [];
  const over: Measured[] = [];
  for (let round = 0; round < rounds; round += 1) {
    plain.push(await ask(ours, 300, { connections: 1 }));
    over.push(await ask(ours, 300, { model: 'failover', connections: 1 }));
  }
  const added = medianOf(over, 'p50') - medianOf(plain, 'p50');
  return [
    figure('failover from a dead deployment, added, p50', `${added.toFixed(2)} ms`, '≤ 5 ms', added <= 5),
  ];
}

/** The gateway beside a bare proxy and Portkey's, one core for each process. */
export async function measureGateway(): Promise<readonly Figure[]> {
  const processes: ServerProcess[] = [];
  const start = async (file: string, env: Readonly<Record<string, string>>, core: number) => {
    const server = await ServerProcess.start(at(file), env, { core });
    processes.push(server);
    return server;
  };
  try {
    const source = await start('gateway/upstream.ts', {}, loadCore);
    const env = { UPSTREAM_URL: source.url };
    const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
    const server = await start('gateway/gateway-server.ts', env, serverCore);
    const ours: Gateway = { server, headers: bearer(server.apiKey), share: 1 };
    const proxy = await start('gateway/bare-proxy.ts', env, serverCore);
    const bare: Gateway = { server: proxy, headers: bearer('x'), share: 1 };
    const upstream: Gateway = { server: source, headers: {}, share: 1 };
    let portkey: Gateway | undefined;
    if (existsSync(peer)) {
      const headers = {
        ...bearer('x'),
        'x-portkey-provider': 'openai',
        'x-portkey-custom-host': `${source.url}/v1`,
      };
      portkey = { server: await start('peers/portkey-server.mjs', {}, serverCore), headers, share: 0.15 };
    }
    return [
      ...(await beside({ ours, bare }, portkey)),
      ...(await addedLatency(ours, upstream)),
      ...(await pacedStreams(ours)),
      ...(await failover(ours)),
    ];
  } finally {
    for (const process of processes) await process.stop();
  }
}
