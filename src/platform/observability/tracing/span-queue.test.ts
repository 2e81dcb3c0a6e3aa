import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import { beforeEach, describe, expect, it } from 'vitest';
import { createMemoryLogger, FakeClock } from '../../../testing/index.ts';
import { createMetrics } from '../metrics.ts';
import { SpanQueue } from './span-queue.ts';

type Answer = Parameters<SpanExporter['export']>[1];

const span = {} as ReadableSpan;
let clock: FakeClock;
let sent: { count: number; answer: Answer }[];
let metrics: ReturnType<typeof createMetrics>;
let logger: ReturnType<typeof createMemoryLogger>;
beforeEach(() => {
  clock = new FakeClock();
  sent = [];
  metrics = createMetrics({ version: '0', processMetrics: false });
  logger = createMemoryLogger();
});

function open(mostWaiting = 2048): SpanQueue {
  const exporter: SpanExporter = {
    export: (spans, answer) => void sent.push({ count: spans.length, answer }),
    shutdown: () => Promise.resolve(),
  };
  return new SpanQueue({ exporter, clock, logger, metrics, mostWaiting, delayMs: 1000 });
}
const add = (queue: SpanQueue, count: number): void => {
  for (let index = 0; index < count; index += 1) queue.onEnd(span);
};
const outcomes = async (): Promise<Record<string, number>> =>
  Object.fromEntries(
    [...(await metrics.registry.metrics()).matchAll(/tracing_spans_total\{outcome="(\w+)"\} (\d+)/g)].map(
      ([, outcome = '', count]) => [outcome, Number(count)],
    ),
  );

describe('the queue of spans', () => {
  it('sends what has waited in one batch, and a full batch at once, one after the other', async () => {
    const queue = open();
    add(queue, 3);
    expect(sent).toEqual([]);
    await clock.advance(1000);
    expect(sent.map(({ count }) => count)).toEqual([3]);
    add(queue, 1100);
    expect(sent).toHaveLength(1);
    sent[0]?.answer({ code: 0 });
    await clock.advance(1000);
    expect(sent.map(({ count }) => count)).toEqual([3, 512]);
    sent[1]?.answer({ code: 0 });
    await expect.poll(outcomes).toEqual({ sent: 515 });
  });

  it('drops and counts what a collector that says nothing leaves no room for; ending a span never waits', async () => {
    const queue = open(600);
    add(queue, 2000);
    // 512 are on their way, 600 wait.
    expect(sent.map(({ count }) => count)).toEqual([512]);
    expect(await outcomes()).toEqual({ dropped: 2000 - 512 - 600 });
    const stopped = queue.shutdown();
    await clock.advance(5000);
    await stopped;
    expect(await outcomes()).toEqual({ dropped: 2000 - 512 });
    add(queue, 1);
    expect(await outcomes()).toEqual({ dropped: 2000 - 511 });
  });

  it('tells once about a collector that fails', async () => {
    const queue = open();
    for (const count of [1, 2]) {
      add(queue, 1);
      await clock.advance(1000);
      sent[count - 1]?.answer({ code: 1, error: new Error('refused') });
      await expect.poll(outcomes).toEqual({ failed: count });
    }
    expect(logger.lines.filter(({ message }) => message.includes('spans'))).toHaveLength(1);
  });

  it('sends what waits before it stops', async () => {
    const queue = open();
    add(queue, 2);
    const stopped = queue.shutdown();
    sent[0]?.answer({ code: 0 });
    await stopped;
    expect(await outcomes()).toEqual({ sent: 2 });
  });
});
