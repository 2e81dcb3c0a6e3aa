import { expect, it } from 'vitest';
import { FakeClock } from '../../../testing/fake-clock.ts';
import { MemoryChannelState } from '../../../testing/memory-channel-state.ts';
import { SendError } from '../send-error.ts';
import type { DiscordCall } from './discord-api.ts';
import { DiscordApiError } from './discord-api-error.ts';
import { InteractionReplies } from './interaction-replies.ts';

const discordEpochMs = 1_420_070_400_000;

it.each([
  ['in the channel', { ephemeral: false, mayPost: true }],
  ['to the person alone', { ephemeral: true, mayPost: true }],
])('a deferred reply that turns up late gets no second answer beside the one %s', async (_where, place) => {
  const clock = new FakeClock();
  const calls: string[] = [];
  const nonces: unknown[] = [];
  let hasReply = false;
  const api = ({ method, path, body }: DiscordCall): Promise<{ id: string }> => {
    calls.push(`${method} ${path}`);
    if (path.startsWith('/webhooks/')) {
      if (hasReply) return Promise.resolve({ id: 'reply' });
      return Promise.reject(new DiscordApiError('Unknown Webhook', { status: 404, number: 10_015 }));
    }
    if (!path.endsWith('/messages')) return Promise.resolve({ id: 'dm' });
    nonces.push((body as { nonce?: unknown }).nonce);
    // Posted, but the confirmation of the first try is lost.
    if (nonces.length === 1)
      return Promise.reject(new DiscordApiError('no answer', { status: 0, mayHaveArrived: true }));
    return Promise.resolve({ id: 'posted' });
  };
  const replies = new InteractionReplies({ api, state: new MemoryChannelState(), clock, applicationId: '1' });
  const interactionId = String(BigInt(clock.now() - discordEpochMs) << 22n);
  await replies.remember(interactionId, { token: 't', userId: '7', ...place });
  const answer = {
    interactionId,
    channelId: '5',
    chunk: { body: 'hello', plain: 'hello' },
    key: 'rsp_1:0',
    signal: new AbortController().signal,
  };
  const first = replies.send(answer).catch((error: unknown) => error);
  for (let waited = 0; waited <= 5000; waited += 250) await clock.advance(250);
  expect(await first).toSatisfy((error) => error instanceof DiscordApiError || error instanceof SendError);
  hasReply = true;
  calls.length = 0;
  expect(await replies.send(answer)).toBe('posted');
  expect(calls.filter((call) => call.includes('/webhooks/'))).toEqual([]);
  expect(nonces[1]).toBe(nonces[0]);
});
