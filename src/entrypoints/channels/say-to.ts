import { AppError, isJsonObject } from '../../base/index.ts';
import type { Storage } from '../../platform/storage/index.ts';
import { defaultTenant, type Scope } from '../../protocol/index.ts';
import type { Acceptance, ProgramMessage } from './channel-adapter.ts';
import type { SaidMessage } from './channel-desk.ts';
import type { ChannelHub } from './channel-hub.ts';
import { fingerprintOf } from './fingerprint-of.ts';

/** What a program says to a channel, and the run that it began, now or the first time. */
export async function sayTo(
  hub: Pick<ChannelHub, 'adapter'>,
  storage: Storage,
  said: { readonly scope: Scope; readonly channel: string; readonly message: ProgramMessage },
): Promise<SaidMessage> {
  const { scope, channel, message } = said;
  // Channels are of the one tenant that definitions belong to.
  if (scope.tenant !== defaultTenant) throw new AppError('not_found', `there is no channel "${channel}"`);
  const adapter = hub.adapter(channel);
  if (adapter.enqueueMessage === undefined)
    throw new AppError(
      'invalid_request',
      `channel "${channel}" is of the platform ${adapter.platform}: messages come in there, not here`,
    );
  const acceptance = await adapter.enqueueMessage(scope, message);
  const runId = runIdOf(acceptance, message);
  const run = await storage.db
    .selectFrom('runs')
    .select(['session_id', 'target_kind', 'target_name', 'metadata'])
    .where('id', '=', runId)
    .where('tenant', '=', scope.tenant)
    .executeTakeFirst();
  if (run === undefined) throw new AppError('not_found', `run "${runId}" is past its retention`);
  // What counts is what the caller said: rules, agents and sessions may have changed since the first time.
  const first = isJsonObject(run.metadata['event']) ? run.metadata['event']['fingerprint'] : undefined;
  if (acceptance.outcome === 'duplicate' && first !== fingerprintOf(message))
    throw new AppError(
      'idempotency_mismatch',
      'this idempotency key was used before with a different request',
      { details: { runId } },
    );
  return {
    runId,
    sessionId: run.session_id,
    target: { kind: run.target_kind, name: run.target_name },
    duplicate: acceptance.outcome === 'duplicate',
    waitMs: adapter.waitMs ?? 0,
  };
}

/** Error: why there is no run. */
function runIdOf({ outcome, runId, error }: Acceptance, { userId }: ProgramMessage): string {
  if ((outcome === 'submitted' || outcome === 'duplicate') && runId !== undefined) return runId;
  if (outcome === 'denied')
    throw new AppError('forbidden', `the user "${userId ?? ''}" is not among access.users of this channel`);
  throw error ?? new AppError('internal', `the message was ${outcome} without a run`);
}
