import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError, silentLogger } from '../../base/index.ts';
import type { FileStore } from '../../capabilities/files/index.ts';
import { createMetrics } from '../../platform/observability/index.ts';
import { channelDefinition, type AgentResponse } from '../../protocol/index.ts';
import { createDirectEgress, FakeReceiver } from '../../testing/channels.ts';
import { FakeClock } from '../../testing/fake-clock.ts';
import { MemoryChannelState } from '../../testing/memory-channel-state.ts';
import { AccountPacer } from './account-pacer.ts';
import { builtInChannels } from './built-in-channels.ts';
import type { ChannelAdapter, ChannelAdapterContext } from './channel-adapter.ts';
import { defaultDeliverySettings, deliverResponse } from './deliver-response.ts';
import type { Delivery, DeliveryEnd } from './delivery-store.ts';
import type { ReplyPreviews } from './previews/reply-previews.ts';
import { SendError } from './send-error.ts';

const [second, minute, hour] = [1000, 60_000, 3_600_000] as const;
const schedule = [5 * second, 5 * minute, 30 * minute, 2 * hour, 5 * hour, 10 * hour, 10 * hour];

const clock = new FakeClock();
const metrics = createMetrics({ version: 'test', processMetrics: false });

const response: AgentResponse = {
  id: 'rsp_1',
  requestId: 'req_1',
  runId: 'run_1',
  sessionId: null,
  status: 'completed',
  text: 'hello',
  output: 'hello',
  error: null,
  executionTimeMs: 1,
  usage: { inputTokens: 1, outputTokens: 1, costUsd: 0 },
  metadata: {},
};

function deliveryOf({ platform, accountId }: ChannelAdapter, url?: string): Delivery {
  return {
    outboxId: 'rsp_1',
    tenant: 'default',
    address: {
      channel: 'hook',
      platform,
      accountId,
      chatId: 'c',
      ...(url === undefined ? {} : { url }),
    },
    runId: 'run_1',
    outgoing: { kind: 'response', response },
    cursor: 0,
    attempts: 0,
    createdAtMs: clock.now(),
    mayHavePreview: false,
  };
}

/** Delivers as the worker does, with the waits between two tries skipped. */
async function play(
  adapter: ChannelAdapter,
  first: Delivery,
): Promise<{ readonly end: DeliveryEnd; readonly waits: readonly number[]; readonly attempts: number }> {
  const waits: number[] = [];
  let { attempts, cursor } = first;
  const never = new AbortController().signal;
  const skipping = {
    now: () => clock.now(),
    after: clock.after.bind(clock),
    every: clock.every.bind(clock),
    sleep: (milliseconds: number) => {
      waits.push(milliseconds);
      clock.jumpTo(clock.now() + milliseconds);
      return Promise.resolve();
    },
  };
  for (;;) {
    const outcome = await deliverResponse(
      {
        store: {
          advance: async (_id, at) => void (cursor = at + 1),
          noteFailure: async () => void (attempts += 1),
        },
        files: {} as FileStore,
        pacer: new AccountPacer(clock),
        clock: skipping,
        logger: silentLogger,
        metrics,
        settings: defaultDeliverySettings,
        previews: { placeFor: () => Promise.resolve(undefined) } as unknown as ReplyPreviews,
      },
      () => adapter,
      { ...first, attempts, cursor },
      { waiting: never, sending: never },
    );
    if (outcome.status !== 'paused') return { end: outcome, waits, attempts };
    if (outcome.isFailure) attempts += 1;
    waits.push(outcome.untilMs - clock.now());
    clock.jumpTo(outcome.untilMs);
  }
}

describe('answers that are posted', () => {
  let receiver: FakeReceiver;
  beforeEach(async () => {
    receiver = await FakeReceiver.start();
  });
  afterEach(() => receiver.stop());

  const specs = {
    webhook: () => ({ signature: { scheme: 'none' }, reply: { url: receiver.url } }),
    rest: () => ({ callbacks: { hosts: ['127.0.0.1'] } }),
  } as const;
  const create = (platform: keyof typeof specs): ChannelAdapter => {
    const context: ChannelAdapterContext = {
      definition: channelDefinition.parse({
        apiVersion: 'agent33/v1',
        kind: 'Channel',
        metadata: { name: 'hook' },
        spec: { platform, agent: 'a', ...specs[platform]() },
      }),
      clock,
      logger: silentLogger,
      state: new MemoryChannelState(),
      commands: [],
      createEgress: createDirectEgress,
      allowPrivate: ['127.0.0.1'],
      accept: () => Promise.reject(new AppError('not_ready', 'nothing comes in')),
      onStatus: () => {},
    };
    const factory = builtInChannels[platform];
    if (factory === undefined) throw new Error(`there is no ${platform}`);
    return factory(context);
  };
  const playPosts = (platform: keyof typeof specs = 'webhook') => {
    const adapter = create(platform);
    return play(adapter, deliveryOf(adapter, platform === 'rest' ? receiver.url : undefined));
  };

  it.each(['webhook', 'rest'] as const)(
    'of %s are tried over a day, with longer and longer waits that are not all the same',
    async (platform) => {
      receiver.usual = { status: 500 };
      const { end, waits, attempts } = await playPosts(platform);
      expect(end).toMatchObject({ status: 'failed', error: expect.stringContaining('after 8 attempts') });
      expect([receiver.posts.length, attempts]).toEqual([8, 8]);
      expect(waits).toHaveLength(schedule.length);
      for (const [index, wait] of waits.entries()) {
        expect(wait).toBeGreaterThanOrEqual(schedule[index] ?? 0);
        expect(wait).toBeLessThanOrEqual((schedule[index] ?? 0) * 1.2);
      }
      expect(new Set(waits.map((wait, index) => wait / (schedule[index] ?? 1))).size).toBeGreaterThan(1);
      expect(new Set(receiver.posts.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    },
  );

  it('arrive when their receiver is back after hours', async () => {
    receiver.answers.push('cut', { status: 502 }, { status: 503 }, { status: 404 }, { status: 500 });
    const { end, attempts } = await playPosts();
    expect(end).toEqual({ status: 'sent' });
    expect([receiver.posts.length, attempts]).toEqual([6, 5]);
  });

  it('end at once where their receiver says that it is gone', async () => {
    receiver.usual = { status: 410 };
    expect(await playPosts()).toMatchObject({ end: { status: 'failed' }, waits: [] });
    expect(receiver.posts).toHaveLength(1);
  });

  it('wait as long as Retry-After says, and never come earlier', async () => {
    receiver.answers.push(
      { status: 429, headers: { 'retry-after': '0' } },
      { status: 429, headers: { 'retry-after': '90' } },
      { status: 503, headers: { 'retry-after': '3600' } },
      { status: 503, headers: { 'retry-after': '1' } },
    );
    const { end, waits, attempts } = await playPosts();
    expect(end).toEqual({ status: 'sent' });
    // Too many requests are no failure.
    expect(attempts).toBe(2);
    expect(waits.slice(0, 3)).toEqual([second, 90 * second, hour]);
    expect(waits[3]).toBeGreaterThanOrEqual(5 * minute);
  });

  it('are not posted for ever, however often they are asked to wait', async () => {
    receiver.usual = { status: 429, headers: { 'retry-after': '86400' } };
    const { end } = await playPosts();
    expect(end).toEqual({ status: 'failed', error: 'the response became too old to be sent' });
    expect(receiver.posts.length).toBeLessThanOrEqual(4);
  });
});

describe('answers to people', () => {
  const chatOf = (
    fail: (call: number, sinceMs: number) => SendError | undefined,
    idempotentSend = false,
  ): { readonly adapter: ChannelAdapter; readonly calls: () => number } => {
    const beganAt = clock.now();
    let calls = 0;
    const adapter = {
      platform: 'chat',
      accountId: 'bot',
      capabilities: { sendsPerSecond: 1000, idempotentSend, files: { mostBytesIn: 0, mostBytesOut: 0 } },
      render: (text: string) => [{ body: text, plain: text }],
      sendChunk: () => {
        calls += 1;
        const error = fail(calls, clock.now() - beganAt);
        return error === undefined ? Promise.resolve('m1') : Promise.reject(error);
      },
    } as unknown as ChannelAdapter;
    return { adapter, calls: () => calls };
  };

  it('outlast an outage of hours, and come within a quarter of an hour of its end', async () => {
    const { adapter } = chatOf((_call, sinceMs) =>
      sinceMs < 2 * hour ? new SendError('retry', 'the platform answered 502') : undefined,
    );
    const from = clock.now();
    const { end } = await play(adapter, deliveryOf(adapter));
    expect(end).toEqual({ status: 'sent' });
    expect(clock.now() - from).toBeLessThanOrEqual(2 * hour + 15 * minute);
  });

  it('are given up in the end', async () => {
    const { adapter, calls } = chatOf(() => new SendError('retry', 'the platform answered 502'));
    const from = clock.now();
    const { end } = await play(adapter, deliveryOf(adapter));
    expect(end).toMatchObject({ status: 'failed', error: expect.stringContaining('after 36 attempts') });
    expect(calls()).toBe(36);
    expect(clock.now() - from).toBeGreaterThan(3 * hour);
  });

  it('are not shown many times where only the confirmation is lost', async () => {
    const lost = new SendError('ambiguous', 'the connection broke');
    const { adapter, calls } = chatOf(() => lost);
    expect((await play(adapter, deliveryOf(adapter))).end.status).toBe('unknown');
    expect(calls()).toBe(12);
    const known = chatOf(() => lost, true);
    expect((await play(known.adapter, deliveryOf(known.adapter))).end.status).toBe('failed');
    expect(known.calls()).toBe(36);
  });
});
