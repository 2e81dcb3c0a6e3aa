import type { RecordableHistogram } from 'node:perf_hooks';
import { collectDefaultMetrics, Gauge, type Registry } from 'prom-client';
import { recordEventLoopLag } from './event-loop-lag.ts';

const lagEveryMs = 100;
/** Longer than most processes live: prom-client's own watch of the event loop would wake them all the time. */
const neverMs = 2 ** 31 - 1;

/** Named and read as prom-client does it; in this order, since the last one begins anew. */
const readings: readonly (readonly [
  figure: string,
  help: string,
  read: (lag: RecordableHistogram) => number,
])[] = [
  ['min', 'Least delay of the event loop since the last reading.', (lag) => lag.min],
  ['max', 'Greatest delay of the event loop since the last reading.', (lag) => lag.max],
  ['mean', 'Mean delay of the event loop since the last reading.', (lag) => lag.mean],
  ['stddev', 'Standard deviation of the delay of the event loop.', (lag) => lag.stddev],
  ['p50', 'Median delay of the event loop since the last reading.', (lag) => lag.percentile(50)],
  ['p90', '90th percentile of the delay of the event loop.', (lag) => lag.percentile(90)],
  [
    'p99',
    '99th percentile of the delay of the event loop.',
    (lag) => {
      const value = lag.percentile(99);
      lag.reset();
      return value;
    },
  ],
];

/** What the process and Node.js tell: memory, processor time, handles, garbage collection, the event loop. */
export function collectProcessMetrics(register: Registry, prefix: string): void {
  collectDefaultMetrics({ register, prefix, eventLoopMonitoringPrecision: neverMs });
  const { histogram } = recordEventLoopLag(lagEveryMs);
  for (const [figure, help, read] of readings) {
    const name = `${prefix}nodejs_eventloop_lag_${figure}_seconds`;
    register.removeSingleMetric(name);
    const gauge: Gauge = new Gauge({
      name,
      help,
      registers: [register],
      collect: () => gauge.set(histogram.count === 0 ? 0 : read(histogram) / 1e9),
    });
  }
}
