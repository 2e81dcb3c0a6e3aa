import type { AppError } from '../../../base/index.ts';
import type { Considered, RouteStep } from './dispatch.ts';
import type { GroupPlan } from './group-plan.ts';
import type { Pick } from './pick-deployment.ts';
import { verdictWord } from './verdict.ts';

/** What is kept of a decision while the call goes on: a few references and at most one byte for each deployment. */
interface StepRecord {
  readonly plan: GroupPlan;
  readonly reason: RouteStep['reason'];
  readonly picked: number;
  readonly looked: Pick['looked'];
  /** Of everybody, where everybody was looked at. */
  readonly verdicts: Uint8Array | undefined;
  error: AppError | undefined;
  waitedMs: number;
}

/** Each deployment that was looked at with its verdict, the picked one as such. */
export function consideredOf(
  plan: GroupPlan,
  verdicts: Uint8Array | undefined,
  picked: number,
): readonly Considered[] {
  return plan.deployments.map(({ id }, index) => ({
    deployment: id,
    verdict: index === picked ? 'picked' : verdictWord(verdicts?.[index]),
  }));
}

/** The decisions of one call; turned into `RouteStep`s only when somebody asks. */
export class RouteLog {
  readonly #records: StepRecord[] = [];
  #waitedMs = 0;

  add(plan: GroupPlan, reason: RouteStep['reason'], { index, looked }: Pick): void {
    this.#records.push({
      plan,
      reason,
      picked: index,
      looked,
      verdicts: looked === 'all' ? plan.verdicts.slice() : undefined,
      error: undefined,
      waitedMs: this.#waitedMs,
    });
    this.#waitedMs = 0;
  }

  /** The last decision came to nothing. */
  fail(error: AppError): void {
    const last = this.#records.at(-1);
    if (last !== undefined) last.error = error;
  }

  /** Time waited before the next decision. */
  waited(milliseconds: number): void {
    this.#waitedMs += milliseconds;
  }

  steps(): readonly RouteStep[] {
    return this.#records.map(({ plan, reason, picked, looked, verdicts, error, waitedMs }) => ({
      group: plan.name,
      reason,
      strategy: plan.settings.strategy,
      considered: consideredOf(plan, verdicts, picked).filter(
        (one) => looked !== 'one' || one.verdict === 'picked',
      ),
      picked: plan.deployments[picked]?.id,
      ...(error === undefined ? {} : { error: { code: error.code, message: error.message } }),
      ...(waitedMs === 0 ? {} : { waitedMs }),
    }));
  }
}
