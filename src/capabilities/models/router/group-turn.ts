import type { AppError, JsonObject } from '../../../base/index.ts';
import type { CallProgress } from './call-progress.ts';
import { classifyError, type ErrorVerdict } from './classify-error.ts';
import type { Deployment } from './deployment.ts';
import type { DispatchRequest, RouteStep } from './dispatch.ts';
import { hasOwnFallback, overridesOf } from './fallback-targets.ts';
import type { Found, GroupDirectory } from './group-directory.ts';
import type { GroupPlan } from './group-plan.ts';
import { noDeploymentError } from './no-deployment-error.ts';
import { pickDeployment, type Pick } from './pick-deployment.ts';
import { marks, type PickQuery } from './pick-query.ts';
import { longestPauseMs, retryBudget, waitBeforeRetry } from './retry-plan.ts';
import { runAttempt, type AttemptDeps, type AttemptResult } from './run-attempt.ts';
import { verdict } from './verdict.ts';

/** What turns stand on. */
export interface TurnDeps extends AttemptDeps {
  readonly directory: GroupDirectory;
  readonly random: () => number;
}

/** A group to be asked. */
export interface TurnPlan {
  readonly found: Found;
  readonly reason: RouteStep['reason'];
  /** Parameters of the fallback that led here. */
  readonly params: JsonObject | undefined;
  /** Targets that would be asked afterwards. */
  readonly fallbacksLeft: number;
}

/** `failed`: others may do better. `ended`: the call is over, nobody else is asked. */
export type TurnResult<T> =
  | { readonly kind: 'begun'; readonly value: T; readonly deployment: Deployment }
  | { readonly kind: 'failed'; readonly error: AppError; readonly class: ErrorVerdict['class'] | undefined }
  | { readonly kind: 'ended'; readonly error: unknown };

/** Who waits for room looks again after this time, as room in other processes is not told. */
const lookAgainMs = 500;

/** The call as the filters see it. */
export function queryOf(
  request: Omit<DispatchRequest, 'signal'>,
  plan: GroupPlan,
  byId: boolean,
): { -readonly [K in keyof PickQuery]: PickQuery[K] } {
  return {
    operation: request.operation,
    inputTokens: request.inputTokens,
    maxOutputTokens: request.maxOutputTokens,
    region: request.region,
    tagging: plan.settings.tagFiltering || request.tagFiltering === true,
    tags: request.tags,
    policyTags: request.policyTags ?? [],
    userAgent: request.caller.userAgent,
    ignoreCooldown: byId,
    windowAbove: -1,
    marked: undefined,
  };
}

/** One group's turn: picks, attempts and retries until an answer begins or the group has nothing left to offer. */
export class GroupTurn<T> {
  readonly #deps: TurnDeps;
  readonly #call: CallProgress<T>;
  readonly #turn: TurnPlan;
  readonly #plan: GroupPlan;
  readonly #query: ReturnType<typeof queryOf>;
  readonly #overrides: JsonObject | undefined;
  #reason: RouteStep['reason'];
  #retries = 0;
  #waits = 0;
  /** Last refusal for want of room, with the shortest wait. */
  #refusal: AppError | undefined;
  #failure: { readonly error: AppError; readonly verdict: ErrorVerdict } | undefined;

  constructor(deps: TurnDeps, call: CallProgress<T>, turn: TurnPlan) {
    this.#deps = deps;
    this.#call = call;
    this.#turn = turn;
    this.#plan = turn.found.plan;
    this.#query = queryOf(call.request, this.#plan, turn.found.byId);
    this.#overrides = overridesOf(turn.params);
    this.#reason = turn.reason;
  }

  /** Rejects with the reason of the caller's signal when that aborts while it waits. */
  async run(): Promise<TurnResult<T>> {
    for (;;) {
      const pick = this.#pick();
      if (pick.index < 0) {
        if (await this.#waitForSomebody()) continue;
        this.#call.log.add(this.#plan, this.#reason, pick);
        return this.#failed();
      }
      this.#call.log.add(this.#plan, this.#reason, pick);
      const result = await this.#try(pick.index);
      if (result.kind === 'begun') {
        const deployment = this.#plan.deployments[pick.index] as Deployment;
        return { kind: 'begun', value: result.value, deployment };
      }
      this.#call.log.fail(result.error as AppError);
      if (result.kind === 'ended') return result;
      if (result.kind === 'refused') {
        this.#refuse(pick.index, result.error);
        continue;
      }
      this.#failure = result;
      if (!(await this.#mayRetry(pick.index, result.error, result.verdict))) return this.#failed();
      this.#retries += 1;
      this.#reason = 'retry';
      this.#deps.metrics.retried(this.#plan.name, result.verdict.class);
    }
  }

  #pick(): Pick {
    const { clock, directory, random } = this.#deps;
    return pickDeployment(this.#plan, this.#query, clock.now(), directory.tally.cooling > 0, random);
  }

  async #try(index: number): Promise<AttemptResult<T>> {
    const { request } = this.#call;
    const deployment = this.#plan.deployments[index] as Deployment;
    const attempt = this.#call.attempts + 1;
    const { failFirst } = request;
    if (failFirst !== undefined && attempt <= failFirst.attempts) {
      this.#call.attempts = attempt;
      return { kind: 'failed', error: failFirst.error, verdict: classifyError(failFirst.error), tookMs: 0 };
    }
    const result = await runAttempt(
      this.#deps,
      {
        plan: this.#plan,
        index,
        params: deployment.params,
        overrides: this.#overrides,
        attempt,
        request,
        beginWithinMs: this.#beginWithin(index, deployment),
        endMs: this.#call.endMs,
      },
      this.#call.attempt,
    );
    if (result.kind === 'begun' || result.kind === 'failed') {
      this.#call.attempts = attempt;
      this.#call.upstreamMs += result.tookMs;
    }
    return result;
  }

  /** The deployment's own bound, else its share of the time that is left: who comes after needs some too. */
  #beginWithin(index: number, deployment: Deployment): number {
    const leftMs = Math.max(1, this.#call.endMs - this.#deps.clock.now());
    const { firstTokenMs = Infinity, totalMs = Infinity } = deployment.timeouts;
    const own = Math.min(this.#call.request.stream ? firstTokenMs : Infinity, totalMs);
    if (own !== Infinity) return Math.min(own, leftMs);
    const { marked } = this.#query;
    const retries = this.#call.request.numRetries ?? deployment.numRetries ?? this.#plan.settings.numRetries;
    const sibling =
      retries > this.#retries &&
      this.#plan.health.some((one, at) => at !== index && one.healthy && (marked?.[at] ?? 0) === 0);
    return Math.max(1, Math.floor(leftMs / (this.#turn.fallbacksLeft + (sibling ? 2 : 1))));
  }

  #mark(index: number, mark: number): void {
    this.#query.marked ??= new Uint8Array(this.#plan.deployments.length);
    this.#query.marked[index] = mark;
  }

  #refuse(index: number, error: AppError): void {
    this.#mark(index, marks.refused);
    const waitOf = (one: AppError | undefined): number => {
      const asked = one?.details?.['retryAfterMs'];
      return typeof asked === 'number' ? asked : Infinity;
    };
    if (this.#refusal === undefined || waitOf(error) < waitOf(this.#refusal)) this.#refusal = error;
  }

  /** Goes to a sibling at once where there is one; else waits, where waiting can help. */
  async #mayRetry(index: number, error: AppError, found: ErrorVerdict): Promise<boolean> {
    const { clock, random } = this.#deps;
    const { fallbacksLeft } = this.#turn;
    const plan = this.#plan;
    const { numRetries } = this.#call.request;
    const own = { request: numRetries, deployment: plan.deployments[index]?.numRetries };
    const budget = retryBudget(plan, found.class, own, fallbacksLeft > 0);
    if (this.#retries >= budget.count || hasOwnFallback(plan.settings, plan.name, found.class)) return false;
    if (clock.now() >= this.#call.endMs) return false;
    this.#mark(index, marks.tried);
    if (found.class === 'ContextWindowExceeded') {
      // Only a larger window can help.
      this.#query.windowAbove = plan.contextWindow[index] ?? Infinity;
      if (this.#query.windowAbove === Infinity) return false;
    }
    const elsewhere = (found.class !== 'BadRequest' && found.class !== 'NotFound') || budget.forClass;
    if (elsewhere && this.#pick().index >= 0) return true;
    if (!(error.retryable || budget.forClass) || (fallbacksLeft > 0 && !budget.explicit)) return false;
    this.#query.marked = undefined;
    this.#refusal = undefined;
    const lone = plan.deployments.length === 1;
    const resting = this.#pick().index < 0;
    if (resting && (!lone || fallbacksLeft > 0)) return false;
    const waitMs = waitBeforeRetry(plan, this.#waits, lone ? found.retryAfterMs : undefined, random);
    this.#waits += 1;
    return waitMs !== undefined && this.#sleep(waitMs);
  }

  /** Nobody can be picked: waits for room, or until the only deployment's pause is over. `false`: it is of no use. */
  async #waitForSomebody(): Promise<boolean> {
    const { clock } = this.#deps;
    const { verdicts, health, room } = this.#plan;
    const nowMs = clock.now();
    if (this.#turn.fallbacksLeft > 0 || nowMs >= this.#call.endMs) return false;
    const [only] = health;
    if (health.length === 1 && only?.paused === true && verdicts[0] === verdict.cooledDown) {
      const restMs = only.coolingUntilMs - nowMs;
      return restMs <= longestPauseMs && this.#sleep(restMs);
    }
    const crowded = health.some(
      (one, at) => verdicts[at] === verdict.limit && one.inFlight >= (this.#plan.parallel[at] ?? Infinity),
    );
    if (!crowded && this.#refusal?.details?.['limit'] !== 'parallel') return false;
    const waited = await room.wait(
      clock,
      Math.min(lookAgainMs, this.#call.endMs - nowMs),
      this.#call.request.signal,
    );
    this.#call.log.waited(clock.now() - nowMs);
    const { marked } = this.#query;
    if (marked !== undefined)
      this.#query.marked = marked.map((mark) => (mark === marks.refused ? marks.none : mark));
    return waited;
  }

  /** `false` when the call would be over before. */
  async #sleep(milliseconds: number): Promise<boolean> {
    const { clock, logger } = this.#deps;
    if (clock.now() + milliseconds >= this.#call.endMs) return false;
    const error = this.#failure?.error;
    logger.info({ model: this.#plan.name, waitMs: milliseconds, error }, 'trying the model again');
    this.#call.log.waited(milliseconds);
    await clock.sleep(Math.max(1, milliseconds), { signal: this.#call.request.signal });
    return true;
  }

  #failed(): TurnResult<T> {
    const failure = this.#failure;
    if (failure !== undefined) return { kind: 'failed', error: failure.error, class: failure.verdict.class };
    const error = this.#refusal ?? noDeploymentError(this.#plan, this.#query, this.#deps.clock.now());
    return { kind: 'failed', error, class: classifyError(error).class };
  }
}
