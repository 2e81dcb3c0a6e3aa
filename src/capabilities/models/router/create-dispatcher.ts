import type { Clock, Logger } from '../../../base/index.ts';
import type { Dispatcher, DispatcherDeps } from './dispatch.ts';
import { dispatchCall } from './dispatch-call.ts';
import { DispatcherMetrics, type DispatcherInstruments } from './dispatcher-metrics.ts';
import { explainCall } from './explain-call.ts';
import { GroupDirectory } from './group-directory.ts';
import { OutcomeRecorder } from './outcome-recorder.ts';

/** What the dispatcher needs beside the model list. */
export interface DispatcherEnvironment extends DispatcherDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: DispatcherInstruments;
  /** A number from 0 to less than 1. */
  readonly random: () => number;
}

/** The dispatcher over the present model list; what it knows of deployments lives in this process and outlives a list. */
export function createDispatcher(deps: DispatcherEnvironment): Dispatcher {
  const { clock, logger, random, admit } = deps;
  const metrics = new DispatcherMetrics(deps.metrics);
  const directory = new GroupDirectory(deps);
  const outcomes = new OutcomeRecorder({ logger, metrics, tally: directory.tally, note: deps.note });
  const turnDeps = { clock, logger, random, admit, metrics, directory, outcomes };
  return {
    dispatch: (request, attempt) => dispatchCall(turnDeps, request, attempt),
    explain: (request) => explainCall({ directory, random, now: () => clock.now() }, request),
    states: () => {
      const nowMs = clock.now();
      return directory.all().map(({ deployment, health }) => {
        health.window.advance(nowMs);
        return {
          deployment,
          inFlight: health.inFlight,
          coolingUntilMs: health.coolingUntilMs > nowMs ? health.coolingUntilMs : undefined,
          lastError: health.lastError,
          requests: health.window.requests,
          failures: health.window.failures,
          firstTokenMs: health.latency.firstTokenMs,
          msPerToken: health.latency.msPerToken,
        };
      });
    },
  };
}
