import { AppError, toAppError, withDeadline, type Clock, type Logger } from '../../base/index.ts';
import type { Usage } from '../../protocol/index.ts';
import type { ModelMetrics } from './model-metrics.ts';
import type { ModelCallOptions, ModelEvent, ResolvedModel } from './provider.ts';
import { untilAborted } from './providers/race-abort.ts';
import { toStreamError } from './providers/stream-error.ts';

interface CandidateDeps {
  readonly clock: Clock;
  readonly metrics: ModelMetrics;
  readonly logger: Logger;
  readonly timeoutMs: number;
  readonly note: (provider: string, error: AppError | undefined) => void;
  readonly cost: (usage: Usage, provider: string, model: string) => Usage;
}

type Attempt = (candidate: ResolvedModel, signal: AbortSignal) => AsyncIterable<ModelEvent>;

/** Waits before the second, third (and, were there one, fourth) attempt at a provider that has no fallback after it. */
const waitsMs = [1000, 2000, 4000];
const mostAttempts = 3;
/** Whoever asks for a longer pause gets no second call from us; the caller decides. */
const longestRetryAfterMs = 60_000;

/** Errors that another model would meet just the same. */
const noFallback = new Set(['cancelled', 'invalid_request', 'egress_denied']);

function waitBefore(attempt: number, error: AppError): number | undefined {
  const asked = error.details?.['retryAfterMs'];
  if (typeof asked !== 'number') return waitsMs[attempt - 1] ?? 4000;
  return asked <= longestRetryAfterMs ? asked : undefined;
}

/** One call of one provider, measured; its cost is added to its usage. */
async function* measured(
  deps: CandidateDeps,
  candidate: ResolvedModel,
  events: AsyncIterable<ModelEvent>,
  signal: AbortSignal,
): AsyncGenerator<ModelEvent, void> {
  const { clock, metrics } = deps;
  const provider = candidate.provider.name;
  const labels = { provider, model: candidate.model };
  const startedMs = clock.now();
  const seconds = (): number => (clock.now() - startedMs) / 1000;
  let first = true;
  let status = 'abandoned';
  try {
    for await (const event of untilAborted(events, signal)) {
      if (first && event.type !== 'error') {
        first = false;
        metrics.modelFirstToken.observe(labels, seconds());
      }
      if (event.type === 'error') {
        status = event.error.code;
        deps.note(provider, event.error);
        yield event;
        return;
      }
      if (event.type === 'finish') {
        status = 'ok';
        deps.note(provider, undefined);
        const usage = deps.cost(event.usage, provider, candidate.model);
        metrics.modelTokens.inc({ ...labels, type: 'input' }, usage.inputTokens);
        metrics.modelTokens.inc({ ...labels, type: 'output' }, usage.outputTokens);
        if (usage.costUsd !== null) metrics.modelCost.inc(labels, usage.costUsd);
        yield { ...event, usage };
        return;
      }
      yield event;
    }
    status = 'upstream_error';
    const name = `The provider "${provider}"`;
    yield {
      type: 'error',
      error: new AppError('upstream_error', `${name} ended without finishing its answer.`),
    };
  } catch (error) {
    const failure = signal.aborted ? toStreamError(signal.reason) : toAppError(error);
    status = failure.code;
    deps.note(provider, failure);
    yield { type: 'error', error: failure };
  } finally {
    metrics.modelRequests.inc({ ...labels, status });
    metrics.modelDuration.observe(labels, seconds());
  }
}

/**
 * Calls the candidates in order until one answers. A failure goes to the next candidate at once; the last one is tried
 * up to three times. Once a part was handed on, a failure is handed on too. `error` or `finish` comes last.
 */
export async function* runCandidates(
  deps: CandidateDeps,
  candidates: readonly (() => ResolvedModel)[],
  options: ModelCallOptions,
  attempt: Attempt,
): AsyncGenerator<ModelEvent, void> {
  const { clock, logger, metrics } = deps;
  const endMs = clock.now() + deps.timeoutMs;
  let failure: AppError | undefined;
  let firstId: string | undefined;
  for (const [index, resolve] of candidates.entries()) {
    const left = candidates.length - index - 1;
    let candidate: ResolvedModel;
    try {
      candidate = resolve();
    } catch (error) {
      failure ??= toAppError(error);
      logger.warn({ error }, 'a fallback model cannot be used');
      continue;
    }
    firstId ??= candidate.id;
    if (index > 0) {
      logger.warn({ from: firstId, to: candidate.id, error: failure }, 'falling back to another model');
      metrics.modelFallbacks.inc({ from: firstId, to: candidate.id });
    }
    for (let tried = 1; ; tried += 1) {
      // Those that come after get their share of the time, or a hanging model would use up all of it.
      const shareMs = Math.max(1, Math.floor((endMs - clock.now()) / (left + 1)));
      const { signal, clear } = withDeadline(clock, shareMs, options.signal);
      let handedOn = false;
      try {
        for await (const event of measured(deps, candidate, attempt(candidate, signal), signal)) {
          if (event.type === 'error') {
            failure =
              options.signal.aborted || !signal.aborted
                ? event.error
                : new AppError(
                    'timeout',
                    `The model ${candidate.id} did not finish within ${shareMs / 1000} s.`,
                  );
            break;
          }
          handedOn = true;
          yield event;
          if (event.type === 'finish') return;
        }
      } finally {
        clear();
      }
      failure ??= new AppError('upstream_error', `The model ${candidate.id} gave no answer.`);
      if (handedOn || options.signal.aborted || noFallback.has(failure.code)) {
        yield { type: 'error', error: failure };
        return;
      }
      if (left > 0 || !failure.retryable || tried >= mostAttempts) break;
      const waitMs = waitBefore(tried, failure);
      if (waitMs === undefined || clock.now() + waitMs >= endMs) break;
      logger.info({ model: candidate.id, attempt: tried, waitMs, error: failure }, 'trying the model again');
      try {
        await clock.sleep(waitMs, { signal: options.signal });
      } catch (error) {
        yield { type: 'error', error: toStreamError(error) };
        return;
      }
    }
  }
  yield {
    type: 'error',
    error: failure ?? new AppError('model_unavailable', 'No model could be called.'),
  };
}
