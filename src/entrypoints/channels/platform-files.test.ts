import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { silentLogger, systemClock } from '../../base/index.ts';
import { createEgressClient } from '../../platform/http-client/index.ts';
import { channelDefinition, type Attachment } from '../../protocol/index.ts';
import { FakeDiscord, FakeSlack, FakeTelegram } from '../../testing/channels.ts';
import { MemoryChannelState } from '../../testing/memory-channel-state.ts';
import { builtInChannels } from './built-in-channels.ts';
import type { ChannelAdapter } from './channel-adapter.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

const signal = (): AbortSignal => AbortSignal.timeout(10_000);
const bytes = Buffer.from('hello, world\n'.repeat(100));
const file = { bytes, name: 'hello.txt', mimeType: 'text/plain' };

/** An adapter behind the real guard, which lets it reach loopback only where the channel's own hosts are. */
function adapterOf(spec: { readonly platform: string; readonly [field: string]: unknown }): ChannelAdapter {
  const definition = channelDefinition.parse({
    apiVersion: 'agent33/v1',
    kind: 'Channel',
    metadata: { name: 'chat' },
    spec: { agent: 'a', ...spec },
  });
  const adapter = builtInChannels[spec.platform]?.({
    definition,
    clock: systemClock,
    logger: silentLogger,
    state: new MemoryChannelState(),
    commands: [],
    createEgress: createEgressClient,
    allowPrivate: ['127.0.0.1'],
    accept: () => Promise.resolve({ outcome: 'ignored' }),
    onStatus: () => {},
  });
  if (adapter === undefined) throw new Error('no such platform');
  stops.push(() => adapter.stop());
  return adapter;
}

async function read(adapter: ChannelAdapter, attachment: Attachment): Promise<Buffer> {
  const opened = await adapter.openAttachment?.(attachment, { signal: signal() });
  const parts: Uint8Array[] = [];
  for await (const part of opened?.body ?? []) parts.push(part);
  return Buffer.concat(parts);
}

/** A server that nobody is to reach; counts who does. */
async function startCanary(): Promise<{ url: string; hits: string[] }> {
  const hits: string[] = [];
  const server = createServer((request, response) => {
    hits.push(request.headers.authorization ?? '');
    response.end('secret');
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  stops.push(
    () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  );
  return { url: `http://localhost:${(server.address() as AddressInfo).port}/latest`, hits };
}

const platforms = {
  async telegram() {
    const fake = await FakeTelegram.start();
    stops.push(() => fake.stop());
    const { id } = fake.files.add(file);
    return {
      files: fake.files,
      adapter: adapterOf({ platform: 'telegram', token: fake.token, apiBase: fake.apiBase }),
      attachment: { id, kind: 'document', platformRef: id } as Attachment,
    };
  },
  async discord() {
    const fake = await FakeDiscord.start();
    stops.push(() => fake.stop());
    const { token, applicationId, apiBase } = fake;
    const { url } = fake.attachmentOf(file) as { url: string };
    return {
      files: fake.files,
      adapter: adapterOf({ platform: 'discord', token, applicationId, apiBase }),
      attachment: { id: '1', kind: 'document', url } as Attachment,
    };
  },
  async slack() {
    const fake = await FakeSlack.start();
    stops.push(() => fake.stop());
    const { botToken, signingSecret, apiBase } = fake;
    const { url_private: url } = fake.files.fileOf(file) as { url_private: string };
    return {
      files: fake.files,
      adapter: adapterOf({ platform: 'slack', botToken, signingSecret, apiBase }),
      attachment: { id: 'F1', kind: 'document', mimeType: 'text/plain', url } as Attachment,
    };
  },
};

describe.each(Object.entries(platforms))('files of %s', (name, start) => {
  it('come through the guard', async () => {
    const { adapter, attachment } = await start();
    expect((await read(adapter, attachment)).equals(bytes)).toBe(true);
  });

  it('are not looked for where a redirect leads', async () => {
    const { adapter, attachment, files } = await start();
    const canary = await startCanary();
    files.failNext({ kind: 'redirect', to: canary.url });
    await expect(read(adapter, attachment)).rejects.toMatchObject({ verdict: 'permanent' });
    expect(canary.hits).toEqual([]);
  });

  it('wait as long as the platform asks, and are tried again after its faults', async () => {
    const { adapter, attachment, files } = await start();
    files.failNext({ kind: 'error', status: 429, retryAfterSeconds: 7 }, { kind: 'error', status: 503 });
    await expect(read(adapter, attachment)).rejects.toMatchObject({ verdict: 'retry', retryAfterMs: 7000 });
    await expect(read(adapter, attachment)).rejects.toMatchObject({ verdict: 'retry' });
  });

  it('say nothing of the address or the token when they fail', async () => {
    const { adapter, attachment, files } = await start();
    files.failNext({ kind: 'error', status: 500 });
    const error: unknown = await read(adapter, attachment).catch((thrown: unknown) => thrown);
    expect(String(error)).not.toMatch(/127\.0\.0\.1|token|file1|\?ex=/);
    expect(name).not.toBe('');
  });

  it('end with the signal', async () => {
    const { adapter, attachment, files } = await start();
    files.failNext({ kind: 'hold' });
    const stopping = new AbortController();
    const opened = await adapter.openAttachment?.(attachment, { signal: stopping.signal });
    stopping.abort(new Error('enough'));
    const drain = async (): Promise<void> => {
      for await (const _part of opened?.body ?? []);
    };
    await expect(drain()).rejects.toThrow();
  });
});

describe('files of Discord', () => {
  it('get a new address when theirs is old', async () => {
    const fake = await FakeDiscord.start();
    stops.push(() => fake.stop());
    const { token, applicationId, apiBase } = fake;
    const adapter = adapterOf({ platform: 'discord', token, applicationId, apiBase });
    const { url } = fake.attachmentOf(file, -1000) as { url: string };
    expect((await read(adapter, { id: '1', kind: 'document', url })).equals(bytes)).toBe(true);
    expect(fake.callsOf('POST /attachments/refresh-urls')).toHaveLength(1);
    expect(fake.files.asked).toHaveLength(1);
  });

  it('come from the hosts of Discord only', async () => {
    const { adapter } = await platforms.discord();
    const canary = await startCanary();
    await expect(read(adapter, { id: '1', kind: 'image', url: canary.url })).rejects.toMatchObject({
      verdict: 'permanent',
    });
    expect(canary.hits).toEqual([]);
  });
});

describe('files of Slack', () => {
  it('are no login page', async () => {
    const { adapter, attachment, files } = await platforms.slack();
    files.failNext({ kind: 'page' });
    await expect(read(adapter, attachment)).rejects.toThrow('files:read');
  });

  it('are asked for with the token at the hosts of Slack only', async () => {
    const { adapter } = await platforms.slack();
    const canary = await startCanary();
    await expect(
      read(adapter, { id: 'F1', kind: 'document', mimeType: 'text/plain', url: canary.url }),
    ).rejects.toMatchObject({ verdict: 'permanent' });
    expect(canary.hits).toEqual([]);
  });
});
