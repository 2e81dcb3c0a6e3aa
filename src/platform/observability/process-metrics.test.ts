import { expect, it } from 'vitest';
import { createMetrics } from './metrics.ts';

const lagOf = (text: string, figure: string): number =>
  Number(new RegExp(`^agent33_nodejs_eventloop_lag_${figure}_seconds (.*)$`, 'm').exec(text)?.[1]);

it('tells how late the event loop was since the last reading', async () => {
  const { registry } = createMetrics({ version: 'test' });
  expect(lagOf(await registry.metrics(), 'p99')).toBe(0);
  const until = performance.now() + 400;
  while (performance.now() < until);
  await expect.poll(async () => lagOf(await registry.metrics(), 'max')).toBeGreaterThan(0.2);
  expect(lagOf(await registry.metrics(), 'max')).toBeLessThan(0.2);
});
