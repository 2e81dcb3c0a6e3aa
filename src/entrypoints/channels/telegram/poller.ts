import { randomUUID } from 'node:crypto';
import { defaultTenant } from '../../../protocol/index.ts';
import { backOffMs } from '../back-off.ts';
import type { Acceptance, ChannelAdapterContext } from '../channel-adapter.ts';
import type { StateKey } from '../channel-state.ts';
import { whileLeased } from '../while-leased.ts';
import { allowedUpdates, updateIdOf } from './parse-update.ts';
import { TelegramApiError, type TelegramApi } from './telegram-api.ts';

const leaseMs = 30_000;
// After a week without updates Telegram begins to count anew; an old offset would then hide new messages.
const offsetLifeMs = 6 * 86_400_000;
const answerMarginMs = 15_000;

/** What long polling stands on. */
export interface PollerDeps extends Pick<ChannelAdapterContext, 'clock' | 'state' | 'logger' | 'onStatus'> {
  readonly api: TelegramApi;
  readonly botId: string;
  readonly pollTimeoutMs: number;
  /** Durable when it resolves. */
  readonly accept: (update: unknown) => Promise<Acceptance>;
}

/** True for refusals that no repetition heals: a wrong token, or somebody else who polls or a webhook. */
export function isFatal(error: unknown): error is TelegramApiError {
  return error instanceof TelegramApiError && [401, 404, 409].includes(error.errorCode);
}

/**
 * Polls one bot until the signal aborts, in the one process that holds the bot's lease. Throws what is fatal; everything
 * else is waited out.
 */
export async function pollTelegram(deps: PollerDeps, signal: AbortSignal): Promise<void> {
  const owner = randomUUID();
  const leaseKey = stateKey(deps, 'poller');
  let failures = 0;
  try {
    while (!signal.aborted) {
      try {
        if (!(await deps.state.acquireLease(leaseKey, owner, leaseMs))) {
          deps.onStatus('standby');
          await deps.clock.sleep(leaseMs / 3, { signal });
          continue;
        }
        await whileLeased({ ...deps, key: leaseKey, owner, leaseMs }, signal, async (leased) => {
          await pollWithLease(deps, leased, () => {
            failures = 0;
          });
        });
      } catch (error) {
        if (signal.aborted) return;
        if (isFatal(error)) throw error;
        failures += 1;
        await waitOut(deps, error, failures, signal);
      }
    }
  } finally {
    // Best effort: an unreleased lease runs out by itself.
    await deps.state.releaseLease(leaseKey, owner).catch(() => undefined);
  }
}

function stateKey(deps: PollerDeps, key: string): StateKey {
  return { tenant: defaultTenant, channel: 'telegram', accountId: deps.botId, key };
}

async function pollWithLease(deps: PollerDeps, signal: AbortSignal, onSuccess: () => void): Promise<void> {
  const offsetKey = stateKey(deps, 'offset');
  const stored = await deps.state.get(offsetKey);
  let offset = typeof stored?.value === 'number' ? stored.value : undefined;
  let movedAt = deps.clock.now() - (stored?.ageMs ?? 0);
  while (!signal.aborted) {
    if (deps.clock.now() - movedAt > offsetLifeMs) offset = undefined;
    const updates = await deps.api(
      'getUpdates',
      {
        timeout: Math.round(deps.pollTimeoutMs / 1000),
        limit: 100,
        allowed_updates: allowedUpdates,
        ...(offset === undefined ? {} : { offset }),
      },
      { signal, timeoutMs: deps.pollTimeoutMs + answerMarginMs },
    );
    deps.onStatus('up');
    if (!Array.isArray(updates) || updates.length === 0) {
      onSuccess();
      continue;
    }
    const next = await acceptBatch(deps, updates, offsetKey);
    if (next === undefined) throw new Error('Telegram sent updates without an update_id');
    onSuccess();
    offset = next;
    movedAt = deps.clock.now();
  }
}

/** Accepts updates in order; the offset is saved behind the last one that is durable, also when a later one fails. */
async function acceptBatch(
  deps: PollerDeps,
  updates: readonly unknown[],
  offsetKey: StateKey,
): Promise<number | undefined> {
  let next: number | undefined;
  const courtesies: (() => Promise<void>)[] = [];
  try {
    for (const update of updates) {
      const id = updateIdOf(update);
      if (id === undefined) continue;
      const { afterAck } = await deps.accept(update);
      next = id + 1;
      if (afterAck !== undefined) courtesies.push(afterAck);
    }
  } finally {
    if (next !== undefined) await deps.state.raise(offsetKey, next, offsetLifeMs);
  }
  // Not waited for: a slow courtesy must not hold up the next messages.
  for (const courtesy of courtesies) void courtesy();
  return next;
}

async function waitOut(
  deps: PollerDeps,
  error: unknown,
  failures: number,
  signal: AbortSignal,
): Promise<void> {
  const message = error instanceof Error ? error.message : 'unknown fault';
  deps.onStatus('connecting', message);
  deps.logger.warn({ reason: message, failures, error }, 'polling failed and will be tried again');
  const asked = error instanceof TelegramApiError ? error.retryAfterMs : undefined;
  await deps.clock
    .sleep(asked ?? backOffMs(failures, { baseMs: 1000, maxMs: 60_000 }), { signal })
    .catch(() => undefined);
}
