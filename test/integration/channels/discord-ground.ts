import { channelDefinition, type ChannelDefinition } from '../../../src/protocol/index.ts';
import { FakeDiscord } from '../../../src/testing/channels.ts';
import type { ChannelHub } from '../../../src/entrypoints/channels/index.ts';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startChannelGround, type ChannelGround } from './channel-ground.ts';

/** The ground of channels with a fake Discord beside it. */
export interface DiscordGround extends ChannelGround {
  readonly discord: FakeDiscord;
  defineDiscord(spec?: object): ChannelDefinition;
  /** Lets Discord call the interactions endpoint of a hub. */
  openEndpoint(hub: ChannelHub): Promise<void>;
}

/** A ground on a database in memory, or on the PostgreSQL at `databaseUrl`. */
export async function startDiscordGround(databaseUrl?: string): Promise<DiscordGround> {
  const ground = await startChannelGround(databaseUrl);
  const discord = await FakeDiscord.start();
  const servers: { close: () => void }[] = [];
  return {
    ...ground,
    discord,
    defineDiscord: (spec = {}) =>
      channelDefinition.parse({
        apiVersion: 'agent33/v1',
        kind: 'Channel',
        metadata: { name: 'discord' },
        spec: {
          platform: 'discord',
          agent: 'echo',
          token: discord.token,
          applicationId: discord.applicationId,
          publicKey: discord.publicKey,
          apiBase: discord.apiBase,
          typing: false,
          ...spec,
        },
      }),
    async openEndpoint(hub) {
      const server = createServer((request, response) => {
        const parts: Buffer[] = [];
        request.on('data', (part: Buffer) => parts.push(part));
        request.on('end', () => {
          const headers = request.headers as Record<string, string>;
          const raw = { method: 'POST' as const, headers, query: {}, body: Buffer.concat(parts) };
          void hub.handleWebhook('discord', 'discord', raw).then((answer) => {
            response.writeHead(answer.status, {
              'content-type': answer.contentType ?? 'text/plain',
            });
            response.end(answer.body);
          });
        });
      });
      await new Promise<void>((resolve) => {
        server.listen(0, '127.0.0.1', resolve);
      });
      servers.push(server);
      discord.interactionsUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    },
    async close() {
      for (const server of servers) server.close();
      await ground.close();
      await discord.stop();
    },
  };
}
