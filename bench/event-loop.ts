import path from 'node:path';
import { ServerProcess } from './server-process.ts';
import { postTurn } from './post-turn.ts';
import type { Figure } from './report.ts';

const concurrent = 50;
const turns = 1_000;

/** Delay of the event loop of an embedded server that has 50 runs under way, read from its own metrics. */
export async function measureEventLoop(): Promise<readonly Figure[]> {
  const server = await ServerProcess.start(path.join(import.meta.dirname, 'agent33-server.ts'), {});
  let left = turns;
  const busy = (): boolean => left > 0;
  const worst: number[] = [];
  const client = async (): Promise<void> => {
    while (busy()) {
      left -= 1;
      await postTurn(server);
    }
  };
  const watch = async (): Promise<void> => {
    while (busy()) {
      const response = await fetch(`${server.url}/health`, { headers: { 'x-api-key': server.apiKey } });
      const { details } = (await response.json()) as {
        details: { event_loop: { metrics: { delay_p99_ms: number } } };
      };
      worst.push(details.event_loop.metrics.delay_p99_ms);
      await new Promise((resolve) => {
        setTimeout(resolve, 250);
      });
    }
  };
  const begun = performance.now();
  await Promise.all([...Array.from({ length: concurrent }, client), watch()]);
  const perSecond = Math.round(turns / ((performance.now() - begun) / 1000));
  await server.stop();
  const p99 = worst.at(-1) ?? Number.NaN;
  return [
    {
      name: `event-loop delay p99 under ${concurrent} concurrent runs, embedded`,
      value: `${p99.toFixed(0)} ms (${perSecond} turns/s)`,
      goal: '≤ 50 ms',
      met: p99 <= 50,
    },
  ];
}
