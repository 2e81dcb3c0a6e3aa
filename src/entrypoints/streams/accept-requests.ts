import type { Transaction } from 'kysely';
import { AppError, type Clock, type Logger } from '../../base/index.ts';
import type { BatchSubmitter } from '../../engine/runs/index.ts';
import type { EventStreams, RefusedEntry, StreamEntry } from '../../platform/bus/index.ts';
import type { Metrics } from '../../platform/observability/index.ts';
import type { Database } from '../../platform/storage/index.ts';
import type { AgentRequestEvent, RunTarget } from '../../protocol/index.ts';
import { readRequest, type ReadRequest } from './read-request.ts';
import { refusalEvent } from './refusal-event.ts';
import { appendResponse } from './stream-response-sender.ts';
import { scopeOf, toAgentRequest } from './to-agent-request.ts';

export interface AcceptRequestsDeps {
  readonly runs: BatchSubmitter;
  readonly streams: EventStreams;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Who answers a request. Error: `not_found`, `invalid_request` when nobody can. */
  readonly route: (event: AgentRequestEvent) => Promise<RunTarget>;
}

interface Wanted {
  readonly entry: StreamEntry;
  readonly request: ReadRequest;
  readonly target: RunTarget;
}

/**
 * Writes a batch of `agent:requests` into the inbox, in the order of the stream and in one transaction. Resolves with
 * the entries that can never be run; their producers are told where they listen. Rejects when nothing was written.
 */
export async function acceptRequests(
  deps: AcceptRequestsDeps,
  entries: readonly StreamEntry[],
  isStillOurs: (trx: Transaction<Database>) => Promise<boolean>,
): Promise<readonly RefusedEntry[]> {
  const refused: RefusedEntry[] = [];
  const wanted: Wanted[] = [];
  const refuse = async (entry: StreamEntry, reason: string, request?: ReadRequest): Promise<void> => {
    refused.push({ id: entry.id, reason });
    if (request !== undefined) await tellProducer(deps, request, reason);
  };
  for (const entry of entries) {
    let request: ReadRequest | undefined;
    try {
      request = readRequest(entry);
      wanted.push({ entry, request, target: await deps.route(request.event) });
    } catch (error) {
      if (!(error instanceof AppError) || error.retryable || error.fault !== 'caller') throw error;
      await refuse(entry, error.message, request);
    }
  }
  const items = wanted.map(({ request, target }) => ({
    scope: scopeOf(request),
    request: toAgentRequest(request, target),
  }));
  const outcomes = items.length === 0 ? [] : await deps.runs.submitBatch(items, isStillOurs);
  if (outcomes === undefined) throw new AppError('not_ready', 'another process reads the requests by now');
  for (const [index, { entry, request }] of wanted.entries()) {
    const outcome = outcomes[index];
    if (outcome?.outcome === 'refused') await refuse(entry, outcome.error.message, request);
    deps.metrics.streamRequests.inc({ outcome: outcome?.outcome ?? 'refused' });
  }
  deps.metrics.streamRequests.inc({ outcome: 'unreadable' }, entries.length - wanted.length);
  return refused;
}

async function tellProducer(
  { streams, clock, logger }: AcceptRequestsDeps,
  request: ReadRequest,
  reason: string,
): Promise<void> {
  const event = refusalEvent(request, reason, new Date(clock.now()).toISOString());
  try {
    await appendResponse(streams, request.replyStream, event, request.correlationId);
  } catch (error) {
    // Away: the batch comes again. A stream that cannot take it must not hold up the others.
    if (error instanceof AppError && error.retryable) throw error;
    logger.warn({ error, stream: request.replyStream }, 'a producer was not told of its refused request');
  }
}
