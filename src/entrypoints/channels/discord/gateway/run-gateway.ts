import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { AppError, type JsonObject } from '../../../../base/index.ts';
import { defaultTenant } from '../../../../protocol/index.ts';
import { backOffMs } from '../../back-off.ts';
import type { ChannelAdapterContext } from '../../channel-adapter.ts';
import type { StateKey } from '../../channel-state.ts';
import { whileLeased } from '../../while-leased.ts';
import type { DiscordApi } from '../discord-api.ts';
import { DiscordApiError } from '../discord-api-error.ts';
import { GatewayConnection } from './gateway-connection.ts';
import { gatewaySession, type GatewaySession } from './gateway-session.ts';

const leaseMs = 30_000;
const callTimeoutMs = 10_000;
/** Tries of the address that a session named, before the common one is asked. */
const mostMisses = 3;
const query = '/?v=10&encoding=json';

const gatewayInfo = z.object({
  url: z.string().regex(/^wss?:\/\//),
  session_start_limit: z
    .object({ remaining: z.number(), reset_after: z.number().nonnegative() })
    .optional()
    .catch(undefined),
});

/** What the gateway of one bot stands on. */
export interface GatewayDeps extends Pick<ChannelAdapterContext, 'clock' | 'state' | 'logger' | 'onStatus'> {
  readonly api: DiscordApi;
  readonly applicationId: string;
  readonly token: string;
  readonly intents: number;
  readonly gatewayUrl: string | undefined;
  readonly connect: (address: string) => WebSocket;
  readonly onEvent: (event: JsonObject, botId: string) => Promise<boolean>;
}

/**
 * Keeps one connection to the gateway until the signal aborts, in the one process that holds the bot's lease. Throws what
 * no repetition heals; everything else is waited out.
 */
export async function runGateway(deps: GatewayDeps, signal: AbortSignal): Promise<void> {
  const owner = randomUUID();
  const lease = { ...deps, key: stateKey(deps, 'gateway'), owner, leaseMs };
  let failures = 0;
  const wait = async (reason: string, askedMs?: number): Promise<void> => {
    failures += 1;
    deps.onStatus('connecting', reason);
    deps.logger.warn({ reason, failures }, 'the gateway will be tried again');
    const back = askedMs ?? backOffMs(failures, { baseMs: 1000, maxMs: 60_000 });
    await deps.clock.sleep(back, { signal }).catch(() => undefined);
  };
  try {
    while (!signal.aborted) {
      try {
        if (!(await deps.state.acquireLease(lease.key, owner, leaseMs))) {
          deps.onStatus('standby');
          await deps.clock.sleep(leaseMs / 3, { signal });
          continue;
        }
        await whileLeased(lease, signal, async (leased, stillHeld) => {
          await connectWhileLeased(deps, { leased, stillHeld, wait, onUp: () => void (failures = 0) });
        });
      } catch (error) {
        if (signal.aborted) return;
        if (isFatal(error)) throw error;
        const asked = error instanceof DiscordApiError ? error.retryAfterMs : undefined;
        await wait(error instanceof Error ? error.message : 'unknown fault', asked);
      }
    }
  } finally {
    // Best effort: an unreleased lease runs out by itself.
    await deps.state.releaseLease(lease.key, owner).catch(() => undefined);
  }
}

/** True for refusals that no repetition heals. */
function isFatal(error: unknown): boolean {
  if (error instanceof DiscordApiError) return error.errorStatus === 401 || error.errorStatus === 403;
  return error instanceof AppError && error.code === 'invalid_definition';
}

interface Tenure {
  readonly leased: AbortSignal;
  readonly stillHeld: () => Promise<boolean>;
  readonly wait: (reason: string, askedMs?: number) => Promise<void>;
  readonly onUp: () => void;
}

async function connectWhileLeased(deps: GatewayDeps, tenure: Tenure): Promise<void> {
  const { leased, stillHeld } = tenure;
  const sessionKey = stateKey(deps, 'session');
  const stored = gatewaySession.safeParse((await deps.state.get(sessionKey))?.value);
  let session: GatewaySession | undefined = stored.success ? stored.data : undefined;
  let misses = 0;
  while (!leased.aborted) {
    const resumeUrl = misses < mostMisses ? session?.resumeUrl : undefined;
    const address = resumeUrl ?? (await gatewayAddress(deps, leased));
    misses += 1;
    const end = await GatewayConnection.run(
      {
        ...deps,
        onUp: () => {
          misses = 0;
          tenure.onUp();
          deps.onStatus('up');
        },
        save: async (reached) => {
          // Somebody who was paused must not put an old session in the place of a new one.
          if (await stillHeld()) await deps.state.set(sessionKey, reached);
        },
      },
      { session, address: `${address.replace(/\/+$/, '')}${query}`, signal: leased },
    );
    if (end.next === 'fatal') throw new AppError('invalid_definition', end.reason);
    if (leased.aborted) return;
    ({ session } = end);
    if (session === undefined && (await stillHeld())) await deps.state.delete(sessionKey);
    // Discord wants one to five seconds before a new session.
    await tenure.wait(end.reason, end.next === 'identify' ? 1000 + Math.random() * 4000 : undefined);
  }
}

/** Where to connect; waits while the day's share of new sessions is used up. */
async function gatewayAddress(deps: GatewayDeps, signal: AbortSignal): Promise<string> {
  if (deps.gatewayUrl !== undefined) return deps.gatewayUrl;
  const answer = await deps.api({
    method: 'GET',
    path: '/gateway/bot',
    route: 'asking for the gateway',
    as: 'bot',
    signal,
    timeoutMs: callTimeoutMs,
  });
  const info = gatewayInfo.safeParse(answer);
  if (!info.success) throw new AppError('upstream_error', 'Discord named no gateway');
  const limit = info.data.session_start_limit;
  if (limit !== undefined && limit.remaining <= 0) {
    deps.onStatus('connecting', 'Discord allows no more new sessions today');
    await deps.clock.sleep(limit.reset_after, { signal });
  }
  return info.data.url;
}

function stateKey(deps: GatewayDeps, key: string): StateKey {
  return { tenant: defaultTenant, channel: 'discord', accountId: deps.applicationId, key };
}
