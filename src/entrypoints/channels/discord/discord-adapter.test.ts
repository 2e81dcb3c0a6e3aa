import { describe, expect, it } from 'vitest';
import { silentLogger, systemClock } from '../../../base/index.ts';
import { channelDefinition } from '../../../protocol/index.ts';
import { createDirectEgress, FakeDiscord } from '../../../testing/channels.ts';
import { channelContract } from '../../../testing/contracts/channel-contract.ts';
import { MemoryChannelState } from '../../../testing/memory-channel-state.ts';
import type { ChannelAdapterContext, ChannelStatus, RawWebhook } from '../channel-adapter.ts';
import { createDiscordAdapter } from './discord-adapter.ts';

const publicKey = 'ab'.repeat(32);

function contextFor(spec: object, more: Partial<ChannelAdapterContext> = {}): ChannelAdapterContext {
  return {
    definition: channelDefinition.parse({
      apiVersion: 'agent33/v1',
      kind: 'Channel',
      metadata: { name: 'discord' },
      spec: {
        platform: 'discord',
        agent: 'a',
        token: 'secret',
        applicationId: '900000000000000001',
        ...spec,
      },
    }),
    clock: systemClock,
    logger: silentLogger,
    state: new MemoryChannelState(),
    commands: [{ name: 'help', description: 'Help' }],
    createEgress: createDirectEgress,
    allowPrivate: [],
    accept: () => Promise.resolve({ outcome: 'submitted' }),
    onStatus: () => {},
    ...more,
  };
}

const specOf = (discord: FakeDiscord) => ({
  token: discord.token,
  applicationId: discord.applicationId,
  publicKey: discord.publicKey,
  apiBase: discord.apiBase,
  mode: 'both',
});
const rawOf = ({ body, headers }: { body: string; headers: object }): RawWebhook => ({
  method: 'POST',
  headers: { ...headers },
  query: {},
  body: Buffer.from(body),
});

channelContract('Discord', async () => {
  const discord = await FakeDiscord.start();
  const good = discord.signed('{"type":2}');
  const without = (name: string) => {
    const headers: Record<string, string> = { ...good.headers };
    delete headers[name];
    return rawOf({ body: good.body, headers });
  };
  const nowSeconds = Math.floor(Date.now() / 1000);
  return {
    adapter: createDiscordAdapter(contextFor(specOf(discord))),
    update: (text) => discord.messageOf({ channelId: '700000000000000001', text }),
    forged: [
      rawOf({ body: '{"type":3}', headers: good.headers }),
      rawOf({ body: good.body, headers: { ...good.headers, 'x-signature-ed25519': '0'.repeat(128) } }),
      rawOf({ body: good.body, headers: { ...good.headers, 'x-signature-ed25519': 'zz' } }),
      rawOf({ body: good.body, headers: { ...good.headers, 'x-signature-timestamp': '1' } }),
      rawOf(discord.signed('{"type":2}', nowSeconds - 400)),
      rawOf(discord.signed('{"type":2}', nowSeconds + 400)),
      without('x-signature-ed25519'),
      without('x-signature-timestamp'),
    ],
    sent: () => discord.messages.map((message) => message.text),
    files: {
      update: (file) =>
        discord.messageOf({
          channelId: '700000000000000001',
          text: '',
          extra: { attachments: [discord.attachmentOf(file)] },
        }),
      cutNext: () => discord.files.failNext({ kind: 'cut' }),
      // Asked again under a new address.
      loseNext: () => discord.files.failNext({ kind: 'error', status: 404 }, { kind: 'error', status: 404 }),
      sent: () => discord.messages.flatMap((message) => message.file ?? []),
    },
    close: () => discord.stop(),
  };
});

describe('the Discord adapter', () => {
  it('refuses a mode that cannot work', () => {
    expect(() => createDiscordAdapter(contextFor({ mode: 'interactions' }))).toThrow('spec.publicKey');
  });

  it.each([{ applicationId: 'abc' }, { publicKey: 'abc' }, { intents: ['everything'] }])(
    'refuses the definition %j',
    (spec) => {
      expect(() => contextFor(spec)).toThrow();
    },
  );

  it('takes signed calls, emoji and all, and answers the ping', async () => {
    const discord = await FakeDiscord.start();
    const adapter = createDiscordAdapter(contextFor(specOf(discord)));
    const ping = rawOf(discord.signed('{"type":1}'));
    expect(adapter.verify(ping)).toBe(true);
    expect(adapter.verifyWebhookChallenge?.(ping)).toMatchObject({ status: 200, body: '{"type":1}' });
    const emoji = rawOf(discord.signed('{"type":2,"x":"👩‍👩‍👧‍👦 é"}'));
    expect(adapter.verify(emoji)).toBe(true);
    expect(adapter.verifyWebhookChallenge?.(emoji)).toBeUndefined();
    const overGateway = createDiscordAdapter(contextFor({ ...specOf(discord), mode: 'gateway' }));
    expect(overGateway.verify(ping)).toBe(false);
    await discord.stop();
  });

  it('listens only to the servers that are named', () => {
    const guild = { guild_id: '600000000000000001' };
    const message = { id: '1', channel_id: '2', author: { id: '3' }, content: 'hi' };
    const adapter = createDiscordAdapter(contextFor({ publicKey, guilds: ['600000000000000002'] }));
    expect(adapter.parse({ ...message, ...guild }).ignored).toContain('spec.guilds');
    expect(adapter.parse(message).message?.text).toBe('hi');
  });

  it.each([
    [{ token: 'wrong' }, 'Check spec.token'],
    [{ applicationId: '900000000000000002' }, 'spec.applicationId'],
    [{ publicKey }, 'spec.publicKey'],
  ])('says what is wrong with %j and keeps the token to itself', async (spec, reason) => {
    const discord = await FakeDiscord.start();
    const down = Promise.withResolvers<string>();
    const onStatus = (status: ChannelStatus, error?: string): void => {
      if (status === 'down') down.resolve(error ?? '');
    };
    const adapter = createDiscordAdapter(contextFor({ ...specOf(discord), ...spec }, { onStatus }));
    await adapter.start();
    const told = await down.promise;
    expect(told).toContain(reason);
    expect(told).not.toContain(discord.token);
    await adapter.stop();
    await discord.stop();
  });

  it('registers its commands once, and again when they changed', async () => {
    const discord = await FakeDiscord.start();
    const state = new MemoryChannelState();
    const run = async (names: readonly string[]): Promise<number> => {
      const up = Promise.withResolvers<undefined>();
      const adapter = createDiscordAdapter(
        contextFor(
          { ...specOf(discord), mode: 'interactions' },
          {
            state,
            commands: names.map((name) => ({ name, description: name })),
            onStatus: (status) => (status === 'up' ? up.resolve(undefined) : undefined),
          },
        ),
      );
      await adapter.start();
      await up.promise;
      await adapter.stop();
      return discord.callsOf('POST /applications/:id/commands').length;
    };
    const first = await run(['help']);
    expect([...discord.commands.keys()]).toEqual(['agent33', 'help', 'approve', 'reject', 'answer']);
    expect(await run(['help'])).toBe(first);
    expect(await run(['help', 'status'])).toBeGreaterThan(first);
    await discord.stop();
  });

  it('pings nobody, shows buttons, and names the key of a message', async () => {
    const discord = await FakeDiscord.start();
    const adapter = createDiscordAdapter(contextFor(specOf(discord)));
    const address = { channel: 'discord', platform: 'discord', accountId: '9', chatId: '700000000000000001' };
    const chunk = {
      body: '@everyone',
      plain: '@everyone',
      actions: [{ label: 'Approve', command: '/approve X' }],
    };
    const options = { signal: AbortSignal.timeout(5000), key: 'out_1:0' };
    const first = await adapter.sendChunk(address, chunk, options);
    expect(await adapter.sendChunk(address, chunk, options)).toBe(first);
    expect(discord.messages).toHaveLength(1);
    expect(discord.messages[0]).toMatchObject({
      body: { allowed_mentions: { parse: [] }, enforce_nonce: true },
      buttons: [{ text: 'Approve', data: '/approve X' }],
    });
    await adapter.stop();
    await discord.stop();
  });
});
