import type { DiscordMessage, UnreadJson } from './discord-types.ts';
import type { FakeDiscord } from './fake-discord.ts';
import { DeedLog, type PlatformPlayer } from './platform-player.ts';

const firstChannel = 700_000_000_000_000_000n;

/**
 * Discord with the interactions endpoint: people write with `/agent33`. Discord itself never repeats an interaction; the
 * repetitions are those of a balancer in front of the app.
 */
export function playDiscord(discord: FakeDiscord): PlatformPlayer {
  const log = new DeedLog<DiscordMessage, FakeDiscord['calls'][number]>({
    message: ({ channelId, text, replyTo }) => ({
      kind: 'message',
      chat: channelId,
      text,
      ...(replyTo === undefined ? {} : { replyTo }),
    }),
    call: ({ name, path }) =>
      name === 'POST /channels/:id/typing' ? { kind: 'typing', chat: path.split('/')[2] ?? '' } : undefined,
  });
  return {
    channelSpec: {
      platform: 'discord',
      applicationId: discord.applicationId,
      publicKey: discord.publicKey,
      token: discord.token,
      apiBase: discord.apiBase,
      mode: 'interactions',
    },
    chatOf: (number) => String(firstChannel + BigInt(number)),
    write(chat, text, path) {
      const interaction = discord.interactionOf(
        2,
        { name: 'agent33', options: [{ name: 'message', type: 3, value: text }] },
        { channel_id: chat },
      );
      const body = JSON.stringify(interaction);
      return {
        id: interaction.id,
        calls: [() => ({ path, ...discord.signed(body) })],
        acknowledged: (answer) =>
          discord.acknowledge(interaction, answer.status, JSON.parse(answer.body) as UnreadJson),
      };
    },
    deeds: () => log.update(discord.messages, discord.calls),
    watch: discord.watch,
    disturb(choose) {
      discord.faults.choose = (name) => {
        const isSend =
          name.endsWith('messages/@original') ||
          name === 'POST /channels/:id/messages' ||
          name === 'POST /webhooks/:id/:token';
        const fault = choose(isSend ? 'send' : name.endsWith('/typing') ? 'typing' : 'other');
        return fault?.kind === 'error' ? { kind: 'error', status: 502 } : fault;
      };
    },
    stop: () => discord.stop(),
  };
}
