import { AppError, type Clock, type IdGenerator, type Logger } from '../../base/index.ts';
import type { Usage } from '../../protocol/index.ts';
import type { Accounting, Admission, AdmissionRequest, BilledDeployment, CallOutcome } from './accounting.ts';
import type { CallerLimit, ModelCaller } from './caller.ts';
import type { Ledger, LedgerSubject, Refusal } from './ledger.ts';
import { isLimited } from './ledger/prepared-reservation.ts';
import { limitError } from './limit-error.ts';
import type { LimitSource } from './limit-source.ts';
import { withCost } from './model-cost.ts';
import { planAdmission } from './plan-admission.ts';
import { subjectKey } from './subject-key.ts';
import type { UsageRow, UsageSink } from './usage-row.ts';

export interface AccountingDeps {
  readonly ledger: Ledger;
  readonly limits: LimitSource;
  readonly usage: UsageSink;
  readonly clock: Clock;
  readonly ids: IdGenerator;
  readonly logger: Logger;
}

const none: readonly LedgerSubject[] = [];
const noTokens: Usage = { inputTokens: 0, outputTokens: 0, costUsd: null };
/** A call that is over tells it within this time, or its process has died. */
const expiryMarginMs = 60_000;
const longestCallMs = 86_400_000;
const quietMs = 10_000;

/**
 * Admits calls by the limits of deployment and caller, settles what they really used, and hands a row for each to `usage`.
 * Starts and stops the ledger. Where nothing is limited, the ledger is not asked.
 */
export function createAccounting(deps: AccountingDeps): Accounting {
  const { ledger, limits, usage, clock, ids, logger } = deps;
  const ofDeployment = new WeakMap<BilledDeployment, LedgerSubject | null>();
  const ofCaller = new WeakMap<
    readonly CallerLimit[],
    { tenant: string; subjects: readonly LedgerSubject[] }
  >();
  let saidAtMs = Number.NEGATIVE_INFINITY;

  const toSubjects = (tenant: string, list: readonly CallerLimit[]): readonly LedgerSubject[] =>
    list
      .filter((one) => isLimited(one.limits))
      .map(({ subject, limits: own }) => ({ key: subjectKey(tenant, subject), limits: own }));

  const callerSubjects = (caller: ModelCaller): readonly LedgerSubject[] => {
    const list = limits.limitsOf(caller);
    if (list.length === 0) return none;
    const { tenant } = caller.scope;
    const known = ofCaller.get(list);
    if (known?.tenant === tenant) return known.subjects;
    const subjects = toSubjects(tenant, list);
    ofCaller.set(list, { tenant, subjects });
    return subjects;
  };

  const deploymentSubject = (deployment: BilledDeployment): LedgerSubject | null => {
    const known = ofDeployment.get(deployment);
    if (known !== undefined) return known;
    const { id, limits: own } = deployment;
    const subject = isLimited(own) ? { key: `deployment/${id}`, limits: own } : null;
    ofDeployment.set(deployment, subject);
    return subject;
  };

  /** The caller's own first: where they refuse, no other deployment helps. */
  const subjectsOf = ({ caller, deployment }: AdmissionRequest): readonly LedgerSubject[] => {
    const ofCall = callerSubjects(caller);
    const own = deploymentSubject(deployment);
    if (own === null && caller.limits === undefined) return ofCall;
    return [
      ...ofCall,
      ...toSubjects(caller.scope.tenant, caller.limits ?? []),
      ...(own === null ? [] : [own]),
    ];
  };

  const record = (id: string, row: () => UsageRow): void => {
    try {
      usage.record(row());
    } catch (error) {
      logger.error({ error, id }, 'a usage row was lost');
    }
  };

  const admitted = (
    request: AdmissionRequest,
    id: string,
    options: {
      readonly isReserved: boolean;
      readonly reservedUsd?: number | null;
      readonly maxOutputTokens: number | undefined;
    },
  ): Admission => {
    let isSettled = false;
    return {
      maxOutputTokens: options.maxOutputTokens,
      settle(outcome) {
        const used =
          outcome.usage === undefined ? undefined : withCost(outcome.usage, request.deployment.price);
        if (isSettled) return used;
        isSettled = true;
        if (options.isReserved) {
          if (used === undefined) ledger.release(id);
          else {
            // What nobody told may be as much as was reserved: the answer of a caller that left is written to its end.
            const usd =
              outcome.estimated && used.costUsd !== null
                ? Math.max(used.costUsd, options.reservedUsd ?? 0)
                : used.costUsd;
            ledger.settle(id, { tokens: used.inputTokens + used.outputTokens, usd });
          }
        }
        record(id, () => rowOf(request, id, { ...outcome, usage: used }, clock.now(), limits));
        return used;
      },
    };
  };

  /** Counts of calls and tokens may be missed for a while, money may not. */
  const passesUnasked = (error: unknown, subjects: readonly LedgerSubject[]): boolean => {
    const isAway = error instanceof AppError && error.code === 'storage_unavailable';
    if (!isAway || subjects.some((one) => (one.limits.budgets?.length ?? 0) > 0)) return false;
    if (clock.now() - saidAtMs >= quietMs) {
      saidAtMs = clock.now();
      logger.warn({ error }, 'the ledger cannot be asked; calls without a budget pass uncounted');
    }
    return true;
  };

  return {
    name: 'accounting',
    start: () => ledger.start(),
    stop: () => ledger.stop(),

    async admit(request, { signal }) {
      const subjects = subjectsOf(request);
      const id = ids('call');
      if (subjects.length === 0)
        return admitted(request, id, { isReserved: false, maxOutputTokens: undefined });
      const { deployment } = request;
      const { boundOf, maxOutputTokens, ...amounts } = planAdmission(request, subjects);
      const nowMs = clock.now();
      const longest = nowMs + longestCallMs;
      const endMs = Number.isFinite(request.deadlineMs) ? Math.min(request.deadlineMs, longest) : longest;
      let answer: Awaited<ReturnType<Ledger['reserve']>>;
      try {
        answer = await ledger.reserve(
          { id, subjects, ...amounts, expiresAtMs: endMs + expiryMarginMs },
          { signal },
        );
      } catch (error) {
        if (!passesUnasked(error, subjects)) throw error;
        return admitted(request, id, { isReserved: false, maxOutputTokens });
      }
      if (answer !== undefined && isRefusal(answer)) {
        throw limitError(answer, `${deployment.provider}/${deployment.model}`);
      }
      return admitted(request, id, {
        isReserved: true,
        reservedUsd: answer?.grantedUsd ?? amounts.usd,
        maxOutputTokens: answer === undefined ? maxOutputTokens : boundOf(answer),
      });
    },

    recordHit(hit) {
      const { caller, usage: used, durationMs } = hit;
      const outcome = {
        status: 'ok',
        usage: { ...used, costUsd: 0 },
        estimated: false,
        durationMs,
        firstTokenMs: undefined,
        attempts: 0,
      };
      const deployment = { id: hit.deployment, group: hit.group, provider: hit.provider, model: hit.model };
      const request = { caller, operation: hit.operation, stream: hit.stream, deployment };
      const id = ids('call');
      record(id, () => ({ ...rowOf(request, id, outcome, clock.now(), limits), cache: 'hit' }));
    },
  };
}

function isRefusal(answer: object): answer is Refusal {
  return 'limit' in answer;
}

interface RecordedCall {
  readonly caller: ModelCaller;
  readonly operation: AdmissionRequest['operation'];
  readonly stream: boolean;
  readonly deployment: Pick<BilledDeployment, 'id' | 'group' | 'provider' | 'model'>;
}

function rowOf(
  { caller, operation, stream, deployment }: RecordedCall,
  id: string,
  outcome: CallOutcome,
  at: number,
  limits: LimitSource,
): UsageRow {
  const used = outcome.usage ?? noTokens;
  return {
    id,
    at,
    tenant: caller.scope.tenant,
    principal: caller.scope.principal,
    user: caller.user,
    team: limits.teamOf(caller),
    agent: caller.agent,
    runId: caller.runId,
    requestId: caller.requestId,
    tags: caller.tags ?? [],
    group: deployment.group,
    deployment: deployment.id,
    provider: deployment.provider,
    model: deployment.model,
    operation,
    stream,
    status: outcome.status,
    inputTokens: used.inputTokens,
    outputTokens: used.outputTokens,
    cachedInputTokens: used.cachedInputTokens ?? 0,
    cacheWriteTokens: used.cacheWriteTokens ?? 0,
    reasoningTokens: used.reasoningTokens ?? 0,
    // Nothing used costs nothing, whatever the price.
    costUsd: outcome.usage === undefined ? 0 : used.costUsd,
    estimated: outcome.estimated,
    durationMs: outcome.durationMs,
    firstTokenMs: outcome.firstTokenMs,
    attempts: outcome.attempts,
    cache: null,
  };
}
