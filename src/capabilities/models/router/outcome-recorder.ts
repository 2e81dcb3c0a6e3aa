import { AppError, errorTable, type Logger } from '../../../base/index.ts';
import { classifyError, type ErrorVerdict } from './classify-error.ts';
import { cooldownLength } from './cooldown-length.ts';
import type { Deployment } from './deployment.ts';
import type { DispatcherMetrics } from './dispatcher-metrics.ts';
import type { HealthTally } from './deployment-health.ts';
import { fallbackTargets } from './fallback-targets.ts';
import type { GroupPlan } from './group-plan.ts';

interface OutcomeRecorderDeps {
  readonly logger: Logger;
  readonly metrics: DispatcherMetrics;
  readonly tally: HealthTally;
  readonly note: ((deployment: Deployment, error: AppError | undefined) => void) | undefined;
}

/** Ends of an answer that had begun which count against its deployment. */
const brokenEnds = new Set(['upstream_error', 'model_unavailable', 'timeout', 'rate_limited']);

/** Writes what attempts came to into the health of their deployments, and decides about cool-downs. */
export class OutcomeRecorder {
  readonly #deps: OutcomeRecorderDeps;

  constructor(deps: OutcomeRecorderDeps) {
    this.#deps = deps;
  }

  /** The deployment has begun to answer. */
  begun(plan: GroupPlan, index: number, nowMs: number): void {
    const health = plan.health[index];
    if (health === undefined) return;
    health.window.add('requests', 1, nowMs);
    this.#prove(plan, index);
  }

  /** An attempt failed before its answer began. */
  failed(plan: GroupPlan, index: number, error: AppError, nowMs: number): ErrorVerdict {
    const found = classifyError(error);
    const health = plan.health[index];
    const deployment = plan.deployments[index];
    if (health === undefined || deployment === undefined) return found;
    health.window.add('requests', 1, nowMs);
    this.#tell(deployment, error);
    // Who refuses a request for the request's sake is well.
    if (found.blames) this.#blame(plan, index, error, found, nowMs);
    else this.#prove(plan, index);
    return found;
  }

  /** An answer that had begun is over; `status` is `ok` or the code of its error. */
  ended(plan: GroupPlan, index: number, status: string, nowMs: number): void {
    const deployment = plan.deployments[index];
    if (deployment === undefined) return;
    if (status === 'ok') {
      this.#tell(deployment, undefined);
      return;
    }
    if (!(status in errorTable) || !brokenEnds.has(status)) return;
    const error = new AppError(status as AppError['code'], `The answer of "${deployment.id}" broke off.`);
    this.#tell(deployment, error);
    this.#blame(plan, index, error, { ...classifyError(error), unreachable: false }, nowMs);
  }

  /** Whoever listens must not turn a failure that others can make good into one of the whole call. */
  #tell(deployment: Deployment, error: AppError | undefined): void {
    try {
      this.#deps.note?.(deployment, error);
    } catch (cause) {
      this.#deps.logger.debug({ deployment: deployment.id, error: cause }, 'an outcome could not be noted');
    }
  }

  #prove(plan: GroupPlan, index: number): void {
    const health = plan.health[index];
    if (health === undefined || health.healthy) return;
    health.heal();
    this.#deps.metrics.cooling(this.#deps.tally.cooling);
    this.#deps.logger.info({ group: plan.name, deployment: health.id }, 'a deployment is well again');
  }

  #blame(plan: GroupPlan, index: number, error: AppError, found: ErrorVerdict, nowMs: number): void {
    const health = plan.health[index];
    const deployment = plan.deployments[index];
    if (health === undefined || deployment === undefined) return;
    health.window.add('failures', 1, nowMs);
    health.noteError(error, nowMs);
    const { settings, listed, name } = plan;
    const lengthMs = cooldownLength(
      found,
      health,
      {
        deployment,
        settings,
        listed,
        hasSiblings: plan.health.length > 1,
        hasHealthySibling: plan.health.some((other, at) => at !== index && other.healthy),
        hasFallback: fallbackTargets(settings, name, found.class).length > 0,
      },
      nowMs,
    );
    if (lengthMs === 0) return;
    health.cool(nowMs + lengthMs, found.class === 'RateLimit');
    this.#deps.metrics.cooled(name, deployment.id, found.class);
    this.#deps.metrics.cooling(this.#deps.tally.cooling);
    this.#deps.logger.warn(
      { group: name, deployment: deployment.id, lengthMs, error },
      'a deployment is left out for a while',
    );
  }
}
