import { z } from 'zod';
import type { DiscordApi } from './discord-api.ts';
import { snowflake } from './snowflake.ts';

const callTimeoutMs = 5000;
const mostRemembered = 10_000;
const threadTypes = new Set([10, 11, 12]);
const channel = z.object({ type: z.int(), parent_id: snowflake.nullish().catch(undefined) });

/** Which channel a thread belongs to, asked once for each; messages do not say it. */
export class ThreadDirectory {
  readonly #api: DiscordApi;
  readonly #parents = new Map<string, string | undefined>();

  constructor(api: DiscordApi) {
    this.#api = api;
  }

  /** The channel of a thread, where that is known already. */
  parentOf(channelId: string): string | undefined {
    return this.#parents.get(channelId);
  }

  /** Finds out what a channel is, unless that is known. Best effort: an unanswered question is asked again next time. */
  async learn(channelId: string, signal: AbortSignal): Promise<void> {
    if (this.#parents.has(channelId)) return;
    try {
      const answer = await this.#api({
        method: 'GET',
        path: `/channels/${encodeURIComponent(channelId)}`,
        route: `reading channel ${channelId}`,
        as: 'bot',
        signal,
        timeoutMs: callTimeoutMs,
      });
      const parsed = channel.safeParse(answer);
      if (!parsed.success) return;
      const { type, parent_id: parent } = parsed.data;
      if (this.#parents.size >= mostRemembered) this.#parents.clear();
      this.#parents.set(channelId, threadTypes.has(type) ? (parent ?? undefined) : undefined);
    } catch (error) {
      if (signal.aborted) throw error;
    }
  }
}
