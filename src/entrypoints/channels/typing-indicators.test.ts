import { describe, expect, it } from 'vitest';
import type { ReplyAddress } from '../../protocol/index.ts';
import { FakeClock } from '../../testing/fake-clock.ts';
import type { ChannelAdapter } from './channel-adapter.ts';
import { SendError } from './send-error.ts';
import { TypingIndicators } from './typing-indicators.ts';

const address: ReplyAddress = { channel: 'c', platform: 'fake', accountId: '1', chatId: '2' };

function prepare(behave: (call: number, signal: AbortSignal) => Promise<void> = () => Promise.resolve()) {
  const clock = new FakeClock();
  let calls = 0;
  const adapter = {
    capabilities: { typingIntervalMs: 4000 },
    typing: (_address: ReplyAddress, { signal }: { signal: AbortSignal }) => behave((calls += 1), signal),
  } as unknown as ChannelAdapter;
  const owed = { now: true, asked: 0 };
  const isOwed = (): Promise<boolean> => {
    owed.asked += 1;
    return Promise.resolve(owed.now);
  };
  return { clock, adapter, typing: new TypingIndicators({ clock, isOwed }), calls: () => calls, owed };
}

describe('typing', () => {
  it('shows at once, every four seconds, and no more after its end', async () => {
    const { clock, adapter, typing, calls } = prepare();
    typing.begin('run', adapter, address);
    typing.begin('run', adapter, address);
    await clock.advance(8000);
    expect(calls()).toBe(3);
    typing.end('run');
    await clock.advance(60_000);
    expect(calls()).toBe(3);
    expect(clock.pending).toBe(0);
  });

  it('is shown no more when another process has given the answer', async () => {
    const { clock, adapter, typing, calls, owed } = prepare();
    typing.begin('run', adapter, address);
    expect(owed.asked).toBe(0);
    await clock.advance(4000);
    owed.now = false;
    await clock.advance(60_000);
    expect(calls()).toBe(2);
    expect(typing.size).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it('is shown to a hundred at most: answers need the platform more', async () => {
    const { adapter, typing, calls } = prepare();
    for (let run = 0; run < 150; run += 1) typing.begin(`run ${run}`, adapter, address);
    expect(calls()).toBe(100);
    typing.end('run 7');
    typing.begin('another', adapter, address);
    expect(calls()).toBe(101);
    typing.endAll();
    await Promise.resolve();
  });

  it('ends by itself after five minutes', async () => {
    const { clock, adapter, typing, calls } = prepare();
    typing.begin('run', adapter, address);
    await clock.advance(3_600_000);
    expect(calls()).toBe(75);
    expect(typing.size).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it('ends after three failures in a row', async () => {
    const { clock, adapter, typing, calls } = prepare((call) =>
      call === 2 ? Promise.resolve() : Promise.reject(new SendError('retry', 'no connection')),
    );
    typing.begin('run', adapter, address);
    await clock.advance(600_000);
    expect(calls()).toBe(5);
    expect(typing.size).toBe(0);
  });

  it('ends at once when the credentials are refused', async () => {
    const { clock, adapter, typing, calls } = prepare(() =>
      Promise.reject(new SendError('permanent', 'Unauthorized', { unauthorized: true })),
    );
    typing.begin('run', adapter, address);
    await clock.advance(600_000);
    expect(calls()).toBe(1);
    expect(clock.pending).toBe(0);
  });

  it('gives up a call that hangs, and breaks one off at its end', async () => {
    const aborted: unknown[] = [];
    const { clock, adapter, typing } = prepare(
      (_call, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            aborted.push(signal.reason);
            reject(signal.reason as Error);
          });
        }),
    );
    typing.begin('run', adapter, address);
    await clock.advance(4000);
    expect(aborted).toHaveLength(1);
    await clock.advance(4000);
    typing.endAll();
    expect(aborted).toHaveLength(2);
    expect(typing.size).toBe(0);
  });
});
