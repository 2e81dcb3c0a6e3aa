import { randomUUID } from 'node:crypto';
import { AppError } from '../../../../base/index.ts';
import { defaultTenant } from '../../../../protocol/index.ts';
import { backOffMs } from '../../back-off.ts';
import type { ChannelAdapterContext } from '../../channel-adapter.ts';
import { whileLeased } from '../../while-leased.ts';
import { SlackApiError, type SlackApi } from '../slack-api.ts';
import { SocketSession, type SessionEnd, type SocketSessionDeps } from './socket-session.ts';

const leaseMs = 30_000;
const callTimeoutMs = 10_000;

/** What Socket Mode of one app stands on. */
export interface SocketModeDeps
  extends Pick<ChannelAdapterContext, 'clock' | 'state' | 'logger' | 'onStatus'>, SocketSessionDeps {
  /** The Web API with the app-level token. */
  readonly api: SlackApi;
  readonly accountId: string;
  /** True for refusals that no repetition heals. */
  readonly isFatal: (error: unknown) => boolean;
}

/**
 * Keeps a session with Slack until the signal aborts, in the one process that holds the app's lease: Slack spreads events
 * over all connections of an app, and a conversation is to be read in order. Throws what is fatal; everything else is
 * waited out.
 */
export async function runSocketMode(deps: SocketModeDeps, signal: AbortSignal): Promise<void> {
  const owner = randomUUID();
  const key = { tenant: defaultTenant, channel: 'slack', accountId: deps.accountId, key: 'socket' };
  let failures = 0;
  try {
    while (!signal.aborted) {
      try {
        if (!(await deps.state.acquireLease(key, owner, leaseMs))) {
          deps.onStatus('standby');
          await deps.clock.sleep(leaseMs / 3, { signal });
          continue;
        }
        await whileLeased({ ...deps, key, owner, leaseMs }, signal, async (leased) => {
          await keepSession(deps, leased, () => {
            failures = 0;
          });
        });
      } catch (error) {
        if (signal.aborted) return;
        if (deps.isFatal(error)) throw error;
        failures += 1;
        const reason = error instanceof Error ? error.message : 'unknown fault';
        deps.onStatus('connecting', reason);
        deps.logger.warn({ reason, failures }, 'the session with Slack will be opened again');
        const asked = error instanceof SlackApiError ? error.retryAfterMs : undefined;
        const wait = asked ?? backOffMs(failures, { baseMs: 1000, maxMs: 60_000 });
        await deps.clock.sleep(wait, { signal }).catch(() => undefined);
      }
    }
  } finally {
    // Best effort: an unreleased lease runs out by itself.
    await deps.state.releaseLease(key, owner).catch(() => undefined);
  }
}

/** Replaces a session before it is closed, so that no event meets a closed door. */
async function keepSession(deps: SocketModeDeps, signal: AbortSignal, onUp: () => void): Promise<void> {
  let session = await openSession(deps, signal);
  try {
    for (;;) {
      deps.onStatus('up');
      onUp();
      const end = await endOf(session, signal);
      if (end === 'disabled') {
        throw new AppError('invalid_definition', 'Socket Mode is switched off for this Slack app');
      }
      if (end === 'lost') throw new AppError('upstream_error', 'the connection to Slack broke');
      const old = session;
      session = await openSession(deps, signal);
      await old.close();
    }
  } finally {
    await session.close();
  }
}

async function openSession(deps: SocketModeDeps, signal: AbortSignal): Promise<SocketSession> {
  const { url } = await deps.api('apps.connections.open', {}, { signal, timeoutMs: callTimeoutMs });
  if (typeof url !== 'string' || !/^wss?:\/\//.test(url)) {
    throw new AppError('upstream_error', 'Slack gave no address for a session');
  }
  return SocketSession.open(deps, url, signal);
}

/** How the session ended; rejects with the signal's reason. */
async function endOf(session: SocketSession, signal: AbortSignal): Promise<SessionEnd> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([session.ended, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
