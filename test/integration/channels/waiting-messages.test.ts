import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/index.ts';
import { WaitingMessages } from '../../../src/entrypoints/channels/waiting-messages.ts';
import type { Message } from '../../../src/protocol/index.ts';
import { startChannelGround, type ChannelGround } from './channel-ground.ts';

let ground: ChannelGround;
beforeEach(async () => {
  ground = await startChannelGround();
});
afterEach(() => ground.close());

it('keeps a message that waits when another process has taken those before it', async () => {
  const { storage } = ground;
  const waiting = new WaitingMessages(storage);
  const place = { channel: 'telegram', sessionKey: 's', kind: 'waiting' } as const;
  const keep = (text: string) =>
    waiting.keep(
      { platform: 'telegram', dedupe_key: text, text, attachments: [] } as unknown as Message,
      place,
      systemClock.now(),
    );
  await keep('one');
  const seenFirst = await waiting.of('s', 'waiting');
  await keep('two');
  const seenLater = await waiting.of('s', 'waiting');
  expect(await storage.transaction((trx) => waiting.take(trx, seenFirst))).toBe(true);
  expect(await storage.transaction((trx) => waiting.take(trx, seenLater))).toBe(false);
  expect((await waiting.of('s', 'waiting')).map(({ message }) => message.text)).toEqual(['two']);
});
