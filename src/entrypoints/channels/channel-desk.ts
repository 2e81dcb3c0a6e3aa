import { sql } from 'kysely';
import { AppError, withDeadline, type Clock } from '../../base/index.ts';
import type { Queue } from '../../platform/queue/index.ts';
import type { Storage } from '../../platform/storage/index.ts';
import type { RunTarget, Scope } from '../../protocol/index.ts';
import type { ProgramMessage } from './channel-adapter.ts';
import type { ChannelHub } from './channel-hub.ts';
import type { ChannelView } from './channel-view.ts';
import type { PendingPairing } from './pairing/pairing-manager.ts';
import type { Pairing } from './pairing/pairing-store.ts';
import { sayTo } from './say-to.ts';
import { recentMessages, type ChannelMessage } from './recent-messages.ts';

const testTimeoutMs = 30_000;

/** What became of what a program said. */
export interface SaidMessage {
  readonly runId: string;
  readonly sessionId: string | null;
  readonly target: RunTarget;
  /** It was said before, under the same key. */
  readonly duplicate: boolean;
  /** How long the program is kept for its answer unless it says otherwise, in milliseconds. */
  readonly waitMs: number;
}

/** What operators see of channels and do with them. Errors: `not_found` for a channel that does not run here. */
export interface ChannelDesk {
  list(): readonly ChannelView[];
  messages(scope: Scope, channel: string, limit: number): Promise<readonly ChannelMessage[]>;
  /** Says whether it is up, and sends a text where `to` names a chat. Errors of the platform are `upstream_error`. */
  test(channel: string, to?: { readonly chatId: string; readonly text: string }): Promise<ChannelView>;
  /** Tries the answers of a channel again now that wait for their next try. Returns their number. */
  retry(scope: Scope, channel: string): Promise<number>;
  /**
   * Takes in what a program says. Errors: `invalid_request` where people write, `forbidden` for a target beyond the
   * caller's rights or a user who is not listed, `idempotency_mismatch`, and those of the target.
   */
  say(scope: Scope, channel: string, message: ProgramMessage): Promise<SaidMessage>;
  pairings(
    scope: Scope,
    channel: string,
  ): Promise<{ readonly pending: readonly PendingPairing[]; readonly paired: readonly Pairing[] }>;
  /** Lets in whoever was shown this code. */
  approvePairing(scope: Scope, channel: string, code: string): Promise<Pairing>;
  /** A code for a user to send by `/pair`. */
  invite(scope: Scope, channel: string, userId: string, subject?: string): Promise<string>;
  unpair(scope: Scope, channel: string, userId: string): Promise<void>;
}

/** The desk over the channels of this process. */
export function createChannelDesk(deps: {
  readonly hub: ChannelHub;
  readonly storage: Storage;
  readonly queue: Pick<Queue, 'hasten'>;
  readonly clock: Clock;
}): ChannelDesk {
  const { hub, storage, queue, clock } = deps;
  const { pairing } = hub;
  const viewOf = (channel: string): ChannelView => {
    const found = hub.list().find((one) => one.name === channel);
    if (found === undefined) throw new AppError('not_found', `there is no channel "${channel}"`);
    return found;
  };
  const userOf = (scope: Scope, channel: string, userId: string) => {
    const { platform, accountId } = hub.adapter(channel);
    return { tenant: scope.tenant, platform, accountId, userId };
  };
  return {
    list: () => hub.list(),
    async messages({ tenant }, channel, limit) {
      viewOf(channel);
      return recentMessages(storage, { tenant, channel, limit });
    },
    async test(channel, to) {
      const view = viewOf(channel);
      if (to === undefined) return view;
      const adapter = hub.adapter(channel);
      const address = {
        channel,
        platform: adapter.platform,
        accountId: adapter.accountId,
        chatId: to.chatId,
      };
      const deadline = withDeadline(clock, testTimeoutMs);
      try {
        for (const chunk of adapter.render(to.text))
          await adapter.sendChunk(address, chunk, { signal: deadline.signal });
      } finally {
        deadline.clear();
      }
      return view;
    },
    retry({ tenant }, channel) {
      viewOf(channel);
      return queue.hasten(
        'deliveries',
        sql`data->>'outboxId' in (select id from outbox where tenant = ${tenant} and status = 'queued'
          and reply_to->>'channel' = ${channel})`,
      );
    },
    say: (scope, channel, message) => sayTo(hub, storage, { scope, channel, message }),
    async pairings({ tenant }, channel) {
      viewOf(channel);
      const { platform, accountId } = hub.adapter(channel);
      const [pending, paired] = await Promise.all([
        pairing.pending(tenant, channel),
        pairing.list(tenant, { platform, accountId }),
      ]);
      return { pending, paired };
    },
    async approvePairing({ tenant, principal }, channel, code) {
      viewOf(channel);
      return pairing.approve(tenant, channel, code, principal);
    },
    async invite(scope, channel, userId, subject) {
      viewOf(channel);
      return pairing.generateCode({ ...userOf(scope, channel, userId), channel }, subject ?? null);
    },
    async unpair(scope, channel, userId) {
      viewOf(channel);
      await pairing.unpair(userOf(scope, channel, userId));
    },
  };
}
