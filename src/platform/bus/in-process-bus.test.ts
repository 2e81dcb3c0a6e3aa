import { describe, expect, it } from 'vitest';
import { silentLogger, systemClock } from '../../base/index.ts';
import { busContract } from '../../testing/contracts/bus-contract.ts';
import { FakeClock } from '../../testing/fake-clock.ts';
import { createMemoryLogger } from '../../testing/memory-logger.ts';
import { InProcessBus } from './index.ts';

busContract('in-process', () => {
  const bus = new InProcessBus({ clock: systemClock, logger: silentLogger });
  return { bus, peer: bus };
});

describe('in-process bus under load', () => {
  it('makes publishers wait for a slow subscriber, and drops for it alone after a second', async () => {
    const clock = new FakeClock();
    const logger = createMemoryLogger();
    const bus = new InProcessBus({ clock, logger, capacity: 2 });
    await bus.start();
    const release: (() => void)[] = [];
    const slow: unknown[] = [];
    const quick: unknown[] = [];
    await bus.subscribe('load', async (payload) => {
      slow.push(payload);
      await new Promise<void>((resolve) => release.push(resolve));
    });
    await bus.subscribe('load', (payload) => void quick.push(payload));
    for (const payload of [1, 2, 3]) {
      await bus.publish('load', payload);
      await clock.advance(0);
    }
    const fourth = bus.publish('load', 4);
    const fifth = bus.publish('load', 5);
    await clock.advance(999);
    expect(logger.lines).toEqual([]);
    release.shift()?.();
    await fourth;
    await clock.advance(1);
    await fifth;
    expect(logger.lines.map(({ message }) => message)).toEqual([
      'bus message dropped: a subscriber is too slow',
    ]);
    for (let step = 0; step < 6; step += 1) {
      await clock.advance(0);
      release.shift()?.();
    }
    await bus.stop();
    expect(slow).toEqual([1, 2, 3, 4]);
    expect(quick).toEqual([1, 2, 3, 4, 5]);
  });
});
