import { channelDefinition, type ChannelDefinition } from '../../../src/protocol/index.ts';
import { FakeDiscord } from '../../../src/testing/channels.ts';
import type { ChannelHub } from '../../../src/entrypoints/channels/index.ts';
import { startChannelGround, type ChannelGround } from './channel-ground.ts';

/** The ground of channels with a fake Discord beside it. */
export interface DiscordGround extends ChannelGround {
  readonly discord: FakeDiscord;
  defineDiscord(spec?: object): ChannelDefinition;
  /** Lets Discord call the interactions endpoint of a hub. */
  openInteractions(hub: ChannelHub): Promise<void>;
}

/** A ground on a database in memory. */
export async function startDiscordGround(): Promise<DiscordGround> {
  const ground = await startChannelGround();
  const discord = await FakeDiscord.start();
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
    async openInteractions(hub) {
      discord.interactionsUrl = await ground.openEndpoint(hub, 'discord');
    },
    async close() {
      await ground.close();
      await discord.stop();
    },
  };
}
