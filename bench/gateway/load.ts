import { connect, type Socket } from 'node:net';

/** What one process of load does; comes in the variable LOAD. */
export interface LoadPlan {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: object;
  readonly connections: number;
  /** Requests over all connections. */
  readonly requests: number;
}

/** What came of it; times in milliseconds. */
export interface LoadResult {
  readonly requests: number;
  readonly failures: number;
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
  /** Between two arrivals of bytes within one answer. */
  readonly gapP99: number;
  readonly firstP50: number;
}

const plan = JSON.parse(process.env['LOAD'] ?? '{}') as LoadPlan;
const target = new URL(plan.url);
const body = JSON.stringify(plan.body);
const head = Object.entries({
  host: target.host,
  'content-type': 'application/json',
  'content-length': String(Buffer.byteLength(body)),
  ...plan.headers,
})
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join('');
const request = Buffer.from(`POST ${target.pathname} HTTP/1.1\r\n${head}\r\n${body}`);
const times: number[] = [];
const gaps: number[] = [];
const firsts: number[] = [];
let left = plan.requests;
let failures = 0;

const quantile = (values: number[], part: number): number => {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
};

/** Asks over and over on one connection; no parser, only what is needed to see the end of an answer. */
function client(): Promise<void> {
  return new Promise((resolve) => {
    let begun = 0;
    let last = 0;
    let expected = -1;
    let received = 0;
    let ok = false;
    const next = (socket: Socket): void => {
      if (left <= 0) {
        socket.end();
        resolve();
        return;
      }
      left -= 1;
      expected = -1;
      received = 0;
      last = 0;
      begun = performance.now();
      socket.write(request);
    };
    const socket = connect(Number(target.port), target.hostname, () => next(socket));
    socket.setNoDelay(true);
    socket.on('error', () => {
      failures += 1;
      resolve();
    });
    socket.on('data', (chunk: Buffer) => {
      const now = performance.now();
      if (expected === -1) {
        firsts.push(now - begun);
        const text = chunk.toString('latin1');
        const end = text.indexOf('\r\n\r\n') + 4;
        const length = /content-length: (\d+)/i.exec(text.slice(0, end))?.[1];
        ok = text.startsWith('HTTP/1.1 200');
        // Of a chunked answer only the last chunk counts.
        expected = length === undefined ? Number.POSITIVE_INFINITY : Number(length);
        received = chunk.length - end;
      } else received += chunk.length;
      if (last > 0) gaps.push(now - last);
      last = now;
      const over =
        expected === Number.POSITIVE_INFINITY
          ? chunk.toString('latin1', Math.max(0, chunk.length - 5)) === '0\r\n\r\n'
          : received >= expected;
      if (!over) return;
      if (!ok) failures += 1;
      times.push(now - begun);
      next(socket);
    });
  });
}

const begun = performance.now();
await Promise.all(Array.from({ length: plan.connections }, client));
const result: LoadResult = {
  requests: times.length,
  failures,
  seconds: (performance.now() - begun) / 1000,
  p50: quantile(times, 0.5),
  p99: quantile(times, 0.99),
  gapP99: quantile(gaps, 0.99),
  firstP50: quantile(firsts, 0.5),
};
process.stdout.write(`${JSON.stringify(result)}\n`);
