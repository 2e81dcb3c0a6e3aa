import { describe, expect, it } from 'vitest';
import { AppError } from '../../base/index.ts';
import { FakeClock } from '../../testing/fake-clock.ts';
import { fanOut } from './index.ts';

describe('fan-out', () => {
  it('serves all targets side by side and tells what became of each', async () => {
    const clock = new FakeClock();
    const got: string[] = [];
    const outcome = fanOut(
      [
        { name: 'stuck', deliver: () => new Promise(() => {}) },
        { name: 'bad', deliver: () => Promise.reject(new AppError('storage_unavailable', 'away')) },
        {
          name: 'good',
          deliver: (event) => {
            got.push(event);
            return Promise.resolve();
          },
        },
      ],
      'news',
      { clock, timeoutMs: 1000 },
    );
    await clock.advance(0);
    expect(got).toEqual(['news']);
    await clock.advance(1000);
    expect(await outcome).toMatchObject([
      { target: 'stuck', ok: false, error: { code: 'timeout' } },
      { target: 'bad', ok: false, error: { code: 'storage_unavailable', message: 'away' } },
      { target: 'good', ok: true },
    ]);
  });

  it('gives up at once when it is told to', async () => {
    const clock = new FakeClock();
    const controller = new AbortController();
    const outcome = fanOut([{ name: 'stuck', deliver: () => new Promise(() => {}) }], 1, {
      clock,
      timeoutMs: 1000,
      signal: controller.signal,
    });
    controller.abort(new AppError('not_ready', 'stopping'));
    expect(await outcome).toMatchObject([{ ok: false, error: { code: 'not_ready' } }]);
  });
});
