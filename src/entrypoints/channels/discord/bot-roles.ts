import { z } from 'zod';
import type { DiscordApi } from './discord-api.ts';
import { snowflake } from './snowflake.ts';

const callTimeoutMs = 5000;
const mostRemembered = 10_000;
const roles = z.array(
  z
    .object({ id: snowflake, tags: z.object({ bot_id: snowflake }).nullish().catch(undefined) })
    .catch({ id: '0', tags: undefined }),
);

/**
 * The role that a server made for the bot when it was added, asked once for each server: it has the bot's name, and people
 * mention it in the bot's place.
 */
export class BotRoles {
  readonly #api: DiscordApi;
  readonly #known = new Map<string, string | undefined>();

  constructor(api: DiscordApi) {
    this.#api = api;
  }

  /** The bot's role on a server, where that is known already. */
  on(guildId: string): string | undefined {
    return this.#known.get(guildId);
  }

  /** Finds out the bot's role, unless that is known. Best effort: an unanswered question is asked again next time. */
  async learn(guildId: string, botId: string, signal: AbortSignal): Promise<void> {
    if (this.#known.has(guildId)) return;
    try {
      const answer = await this.#api({
        method: 'GET',
        path: `/guilds/${encodeURIComponent(guildId)}/roles`,
        route: `reading the roles of server ${guildId}`,
        as: 'bot',
        signal,
        timeoutMs: callTimeoutMs,
      });
      const parsed = roles.safeParse(answer);
      if (!parsed.success) return;
      if (this.#known.size >= mostRemembered) this.#known.clear();
      this.#known.set(guildId, parsed.data.find(({ tags }) => tags?.bot_id === botId)?.id);
    } catch (error) {
      if (signal.aborted) throw error;
    }
  }
}
