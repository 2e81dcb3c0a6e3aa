import { z } from 'zod';
import { AppError, type Clock, type Logger } from '../../../base/index.ts';
import type { ChannelDefinitionOf } from '../../../protocol/index.ts';
import type { ChannelStatus } from '../channel-adapter.ts';
import { connectPatiently } from '../connect-patiently.ts';
import type { DiscordApi } from './discord-api.ts';
import { DiscordApiError } from './discord-api-error.ts';
import { lenient, snowflake } from './snowflake.ts';

const callTimeoutMs = 10_000;

const application = z.object({
  id: snowflake,
  verify_key: lenient(z.string()),
  interactions_endpoint_url: lenient(z.string()),
  bot: lenient(z.object({ id: snowflake })),
});

/** What introducing a bot stands on. */
export interface IntroduceDeps {
  readonly api: DiscordApi;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly spec: ChannelDefinitionOf<'discord'>['spec'];
  readonly onStatus: (status: ChannelStatus, error?: string) => void;
}

/**
 * Repeats until Discord has said whose token it is, and compares that with the definition. Returns the bot's user id.
 * Throws what no repetition heals: a refused token, `invalid_definition` for ids or keys that do not belong together.
 */
export async function introduce(deps: IntroduceDeps, signal: AbortSignal): Promise<string> {
  return connectPatiently(deps, signal, {
    connect: () => compare(deps, signal),
    passing: (error) =>
      error instanceof DiscordApiError && ![401, 403].includes(error.errorStatus) ? error : undefined,
  });
}

async function compare({ api, logger, spec }: IntroduceDeps, signal: AbortSignal): Promise<string> {
  const answer = await api({
    method: 'GET',
    path: '/applications/@me',
    route: 'asking for the application',
    as: 'bot',
    signal,
    timeoutMs: callTimeoutMs,
  });
  const parsed = application.safeParse(answer);
  if (!parsed.success) return spec.applicationId;
  const { id, verify_key: key, interactions_endpoint_url: endpoint, bot } = parsed.data;
  if (id !== spec.applicationId) {
    throw new AppError(
      'invalid_definition',
      `spec.token belongs to application ${id}, spec.applicationId says ${spec.applicationId}`,
    );
  }
  if (spec.publicKey !== undefined && typeof key === 'string' && key !== spec.publicKey.toLowerCase()) {
    throw new AppError(
      'invalid_definition',
      'spec.publicKey is not the public key that the developer portal shows for this application',
    );
  }
  const hasEndpoint = typeof endpoint === 'string' && endpoint !== '';
  if (spec.mode === 'gateway' && hasEndpoint)
    logger.warn(
      {},
      'commands and buttons go to the interactions endpoint URL of the application, not to this channel',
    );
  if (spec.mode !== 'gateway' && !hasEndpoint)
    logger.warn({}, 'the application has no interactions endpoint URL yet: enter it in the developer portal');
  return bot?.id ?? id;
}
