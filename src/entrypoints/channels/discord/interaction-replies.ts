import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../../../base/index.ts';
import { defaultTenant } from '../../../protocol/index.ts';
import type { Chunk, OutgoingFile } from '../channel-adapter.ts';
import type { ChannelState, StateKey } from '../channel-state.ts';
import { SendError } from '../send-error.ts';
import type { DiscordApi } from './discord-api.ts';
import { DiscordApiError } from './discord-api-error.ts';
import {
  editedBody,
  fileMessage,
  idOf,
  messageBody,
  openDirectChannel,
  sendFileToChannel,
  sendToChannel,
} from './send-message.ts';

/** Discord forgets an interaction's token after fifteen minutes; the rest is for a call under way. */
const tokenLifeMs = 14.5 * 60_000;
const keptMs = 25 * 3_600_000;
const sendTimeoutMs = 20_000;
/** The deferred reply may still be on its way to Discord when the answer is ready. */
const replyTravelMs = 5000;
const betweenTriesMs = 250;
/** Unknown message, unknown webhook. */
const unknown = new Set([10_008, 10_015]);

const stored = z.object({
  token: z.string(),
  userId: z.string(),
  ephemeral: z.boolean(),
  /** False where the bot is no member and can speak by the token only. */
  mayPost: z.boolean(),
  /** Key of the message that took the place of the deferred reply, or of the one that found none: see `elsewhere`. */
  first: z.string().optional(),
});

type StoredInteraction = z.output<typeof stored>;

/** An answer on its way to the one who sent a command or pressed a button. */
export interface InteractionAnswer {
  readonly interactionId: string;
  readonly channelId: string;
  readonly chunk: Chunk;
  /** The same whenever this chunk is tried. */
  readonly key: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * Answers interactions that were deferred. The first message takes the place of the deferred reply, later ones follow in
 * the channel; whatever Discord no longer takes by the token goes into the channel, or to the person alone where nobody
 * else may see it.
 */
export class InteractionReplies {
  readonly #deps: {
    readonly api: DiscordApi;
    readonly state: ChannelState;
    readonly clock: Clock;
    readonly applicationId: string;
  };

  constructor(deps: { api: DiscordApi; state: ChannelState; clock: Clock; applicationId: string }) {
    this.#deps = deps;
  }

  /** Durable when it resolves; the first word on an interaction stays. */
  async remember(interactionId: string, interaction: Omit<StoredInteraction, 'first'>): Promise<void> {
    const key = this.#keyOf(interactionId);
    if ((await this.#deps.state.get(key)) === undefined) await this.#deps.state.set(key, { ...interaction });
  }

  /** Forgets interactions that nothing can be owed to any more. */
  async forgetOld(): Promise<void> {
    await this.#deps.state.deleteOlder(this.#keyOf(''), keptMs);
  }

  /** Sends one message and returns its id. Throws `DiscordApiError`. */
  async send(answer: InteractionAnswer): Promise<string> {
    const key = answer.key ?? randomUUID();
    const found = await this.#read(answer.interactionId);
    if (found === undefined) return this.#toChannel(answer, answer.channelId, key);
    const { interaction, ageMs } = found;
    const first = await this.#claim(answer.interactionId, interaction, key);
    if (ageMs < tokenLifeMs && first !== elsewhere(key)) {
      try {
        if (first === key) return await this.#replaceDeferred(answer, interaction, ageMs);
        if (interaction.ephemeral || !interaction.mayPost) return await this.#followUp(answer, interaction);
      } catch (error) {
        if (!isGone(error)) throw error;
        // It may turn up after all: whoever tries again must not answer there too.
        if (first === key) await this.#note(answer.interactionId, interaction, elsewhere(key));
      }
    }
    const channelId = interaction.ephemeral
      ? await openDirectChannel(this.#deps.api, interaction.userId, answer.signal)
      : answer.channelId;
    try {
      return await this.#toChannel(answer, channelId, key);
    } catch (error) {
      // Commands can be installed without the bot: then the token is the only way.
      const isBarred = error instanceof DiscordApiError && [403, 404].includes(error.errorStatus);
      if (!isBarred || ageMs >= tokenLifeMs) throw error;
      return this.#followUp(answer, interaction);
    }
  }

  /** Shows an unfinished answer in the place of the deferred reply, until a message has taken that. Throws `SendError`. */
  async preview(interactionId: string, { body, plain }: Chunk, signal: AbortSignal): Promise<void> {
    const found = await this.#read(interactionId);
    if (found === undefined || found.interaction.first !== undefined || found.ageMs >= tokenLifeMs)
      throw new SendError('permanent', 'there is no deferred reply any more');
    await this.#editOriginal({ interactionId, chunk: { body, plain }, signal }, found.interaction);
  }

  /** Sends a file behind the messages of an answer and returns its message's id. Throws `DiscordApiError`. */
  async sendFile(
    answer: Omit<InteractionAnswer, 'chunk'> & { readonly file: OutgoingFile },
  ): Promise<string> {
    const { interactionId, channelId, file, key, signal } = answer;
    const found = await this.#read(interactionId);
    const inChannel = (id: string): Promise<string> =>
      sendFileToChannel(this.#deps.api, id, file, { signal, key });
    if (found === undefined) return inChannel(channelId);
    const { interaction, ageMs } = found;
    if (ageMs < tokenLifeMs && (interaction.ephemeral || !interaction.mayPost)) {
      try {
        return await this.#followUpFile(answer, interaction);
      } catch (error) {
        if (!isGone(error)) throw error;
      }
    }
    if (!interaction.ephemeral) return inChannel(channelId);
    return inChannel(await openDirectChannel(this.#deps.api, interaction.userId, signal));
  }

  async #followUpFile(
    { interactionId, file, signal }: { interactionId: string; file: OutgoingFile; signal: AbortSignal },
    interaction: StoredInteraction,
  ): Promise<string> {
    const { api, applicationId } = this.#deps;
    const sent = await api({
      method: 'POST',
      path: `/webhooks/${applicationId}/${encodeURIComponent(interaction.token)}?wait=true`,
      route: `following up interaction ${interactionId}`,
      ...fileMessage(file, { ephemeral: interaction.ephemeral }),
      as: 'interaction',
      signal,
    });
    return idOf(sent);
  }

  async #read(id: string): Promise<{ interaction: StoredInteraction; ageMs: number } | undefined> {
    const found = await this.#deps.state.get(this.#keyOf(id));
    const parsed = stored.safeParse(found?.value);
    if (found === undefined || !parsed.success) return undefined;
    const createdMs = Number((BigInt(id) >> 22n) + 1_420_070_400_000n);
    // Noting who took the place makes the value look younger than the token.
    return { interaction: parsed.data, ageMs: Math.max(found.ageMs, this.#deps.clock.now() - createdMs) };
  }

  /** Key of the message in the place of the deferred reply; noted before it is sent, so that a second try finds it. */
  async #claim(id: string, interaction: StoredInteraction, key: string): Promise<string> {
    if (interaction.first !== undefined) return interaction.first;
    await this.#note(id, interaction, key);
    return key;
  }

  async #note(id: string, interaction: StoredInteraction, first: string): Promise<void> {
    await this.#deps.state.set(this.#keyOf(id), { ...interaction, first });
  }

  async #replaceDeferred(
    answer: InteractionAnswer,
    interaction: StoredInteraction,
    ageMs: number,
  ): Promise<string> {
    const { clock } = this.#deps;
    const until = clock.now() + Math.max(0, replyTravelMs - ageMs);
    for (;;) {
      try {
        return await this.#editOriginal(answer, interaction);
      } catch (error) {
        if (!isGone(error) || clock.now() >= until) throw error;
        await clock.sleep(betweenTriesMs, { signal: answer.signal });
      }
    }
  }

  async #editOriginal(
    { interactionId, chunk, signal }: Pick<InteractionAnswer, 'interactionId' | 'chunk' | 'signal'>,
    { token }: StoredInteraction,
  ): Promise<string> {
    const { api, applicationId } = this.#deps;
    const edited = await api({
      method: 'PATCH',
      path: `/webhooks/${applicationId}/${encodeURIComponent(token)}/messages/@original`,
      route: `answering interaction ${interactionId}`,
      body: editedBody(chunk),
      as: 'interaction',
      signal,
      timeoutMs: sendTimeoutMs,
    });
    return idOf(edited);
  }

  async #followUp(answer: InteractionAnswer, interaction: StoredInteraction): Promise<string> {
    const { api, applicationId } = this.#deps;
    const sent = await api({
      method: 'POST',
      path: `/webhooks/${applicationId}/${encodeURIComponent(interaction.token)}?wait=true`,
      route: `following up interaction ${answer.interactionId}`,
      body: messageBody(answer.chunk, { ephemeral: interaction.ephemeral }),
      as: 'interaction',
      signal: answer.signal,
      timeoutMs: sendTimeoutMs,
    });
    return idOf(sent);
  }

  #toChannel(answer: InteractionAnswer, channelId: string, key: string): Promise<string> {
    return sendToChannel(this.#deps.api, { channelId }, answer.chunk, { signal: answer.signal, key });
  }

  #keyOf(interactionId: string): StateKey {
    const { applicationId: accountId } = this.#deps;
    return { tenant: defaultTenant, channel: 'discord', accountId, key: `interaction:${interactionId}` };
  }
}

/** Stands for a message that could not take the place of the deferred reply. */
function elsewhere(key: string): string {
  return `${key} elsewhere`;
}

/** Discord knows neither the deferred reply nor the token, or no longer. */
function isGone(error: unknown): boolean {
  if (!(error instanceof DiscordApiError)) return false;
  return (
    (error.errorStatus === 404 && (unknown.has(error.number) || error.number === 0)) ||
    error.number === 50_027
  );
}
