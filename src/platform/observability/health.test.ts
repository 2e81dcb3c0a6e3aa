import { describe, expect, it } from 'vitest';
import type { HealthCheck, HealthReport } from '../../base/index.ts';
import { FakeClock } from '../../testing/fake-clock.ts';
import { createHealthAggregator, EventLoopCheck } from './index.ts';

const check = (name: string, critical: boolean, answer: () => Promise<HealthReport>): HealthCheck => ({
  name,
  critical,
  check: answer,
});

function setUp() {
  const clock = new FakeClock();
  return { clock, health: createHealthAggregator({ clock, version: '1.2.3' }) };
}

describe('health aggregator', () => {
  it('is healthy while everything is', async () => {
    const { health } = setUp();
    health.add(check('database', true, async () => ({ status: 'ok', metrics: { pool: 3 } })));
    expect(await health.report()).toEqual({
      status: 'healthy',
      version: '1.2.3',
      services: { database: 'ok' },
      details: { database: { metrics: { pool: 3 }, ms: 0 } },
    });
    expect(await health.ready()).toEqual({ ready: true, failing: [] });
  });

  it('is degraded, and still ready, when something that is not critical is down', async () => {
    const { health } = setUp();
    health.add(check('database', true, async () => ({ status: 'ok' })));
    health.add(check('telegram', false, async () => ({ status: 'down', detail: 'bad token' })));
    expect(await health.report()).toMatchObject({ status: 'degraded', services: { telegram: 'down' } });
    expect((await health.ready()).ready).toBe(true);
  });

  it('is unhealthy and not ready when a critical check fails, and says which', async () => {
    const { health } = setUp();
    health.add(check('database', true, () => Promise.reject(new Error('connection refused'))));
    expect(await health.report()).toMatchObject({
      status: 'unhealthy',
      details: { database: { detail: 'connection refused' } },
    });
    expect(await health.ready()).toEqual({ ready: false, failing: ['database'] });
  });

  it('counts a check that never answers as down after two seconds', async () => {
    const { clock, health } = setUp();
    health.add(check('stuck', true, () => new Promise<HealthReport>(() => {})));
    const report = health.report();
    await clock.advance(2000);
    expect(await report).toMatchObject({
      services: { stuck: 'down' },
      details: { stuck: { detail: 'no answer within 2000 ms', ms: 2000 } },
    });
  });

  it('asks once per second, however many ask', async () => {
    const { clock, health } = setUp();
    let asked = 0;
    health.add(
      check('counted', true, async () => {
        asked += 1;
        return { status: 'ok' };
      }),
    );
    await Promise.all([health.report(), health.report(), health.ready()]);
    expect(asked).toBe(1);
    await clock.advance(1000);
    await health.report();
    expect(asked).toBe(2);
  });

  it('is not ready from the moment it stops', async () => {
    const { health } = setUp();
    health.setStopping();
    expect(await health.ready()).toEqual({ ready: false, failing: ['stopping'] });
  });

  it('lets an impatient caller go', async () => {
    const { health } = setUp();
    health.add(check('stuck', true, () => new Promise<HealthReport>(() => {})));
    await expect(health.report(AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
  });

  it('measures how late the event loop is', async () => {
    const loop = new EventLoopCheck();
    await loop.start();
    expect(await loop.check()).toMatchObject({ status: 'ok', metrics: { delay_p99_ms: 0 } });
    const until = performance.now() + 600;
    while (performance.now() < until);
    await expect
      .poll(() => loop.check())
      .toMatchObject({
        status: 'degraded',
        metrics: { delay_max_ms: expect.closeTo(550, -3) },
      });
    expect(await loop.check()).toMatchObject({ status: 'ok' });
    await loop.stop();
  });
});
