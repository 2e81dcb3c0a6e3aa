import type { AppError, Json, JsonObject } from '../../base/index.ts';
import { decisionOf } from './actions/approval.ts';
import { mayNot, perform, type ActResult } from './perform-action.ts';
import { isStepFailure, pauseDurably, SlotHold } from './act-support.ts';
import { stepKeys } from './step-keys.ts';
import type { StepSite } from './step-site.ts';
import type { ActionCall } from './workflow-action.ts';
import type { Rank, Writes } from './writes.ts';

/** One act of a step: of an element and an iteration, if it has them. */
export interface Act {
  readonly site: StepSite;
  readonly key: string;
  readonly rank: Rank;
  readonly locals: JsonObject;
  /** State of the run before it. */
  readonly writes: Writes;
}

function callOf(act: Act, inputs: JsonObject, scope: () => JsonObject): ActionCall {
  const { context, deps } = act.site.execution;
  const widened = (more: JsonObject | undefined): JsonObject =>
    more === undefined ? scope() : { ...scope(), ...more };
  return {
    inputs,
    runId: context.runId,
    scope: context.scope,
    createdAt: context.createdAt,
    logger: context.logger,
    visible: scope,
    evaluate: (template, more) => deps.expressions.evaluate(template, widened(more)),
    condition: (text, more) => deps.expressions.condition(text, widened(more)),
  };
}

/** Shows a person exactly what is about to be done, and waits for the decision. */
async function askBefore(act: Act, inputs: JsonObject, scope: () => JsonObject): Promise<void> {
  const { site } = act;
  const { step, action } = site.node;
  const { context, deps } = site.execution;
  const rules = step.approval;
  if (rules === undefined) return;
  const key = stepKeys.approval(act.key);
  const text = (template: string): string => {
    const made = deps.expressions.evaluate(template, scope());
    return typeof made === 'string' ? made : JSON.stringify(made);
  };
  const title = text(rules.title ?? `Do "${step.name ?? act.key}" (${action.name})?`);
  const message = text(rules.message ?? step.description ?? '');
  const asked = (): ReturnType<typeof context.approve> =>
    context.approve(key, {
      kind: 'approval',
      title,
      message,
      subject: { action: action.name, arguments: inputs },
      answerSchema: null,
      rules,
    });
  decisionOf(title, await pauseDurably(site, key, asked));
}

/** May a failure be followed by another try? */
function mayRetry(site: StepSite, error: AppError): boolean {
  const codes = site.node.step.retry?.on ?? [];
  return codes.length === 0 ? error.retryable : codes.includes(error.code);
}

/** Evaluates the inputs, asks a person where the step says so, and acts, again after a failure where it says so. */
export async function runAct(act: Act): Promise<ActResult> {
  const { site } = act;
  const { node, execution } = site;
  const { action, step, evaluated, literal, templates } = node;
  const hold = new SlotHold(
    action.mode === 'step' || (action.mode === 'durable' && action.holdsSlot) ? execution.slots : undefined,
  );
  await hold.take();
  try {
    let known: JsonObject | undefined;
    const scope = (): JsonObject => (known ??= site.scope(act.writes, act.locals));
    const made = templates.inputs ? execution.deps.expressions.evaluate(evaluated, scope()) : evaluated;
    const inputs: JsonObject = { ...(made as JsonObject), ...literal };
    const call = callOf(act, inputs, scope);
    // Nobody is asked about what will not be done.
    if (step.approval !== undefined && !mayNot(act, inputs))
      await hold.without(() => askBefore(act, inputs, scope));
    const attempts = step.retry?.attempts ?? 1;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const result = await perform(act, stepKeys.attempt(act.key, attempt), call);
        if (step.compensate !== undefined) {
          const { output } = result;
          execution.compensations.push({
            key: act.key,
            rank: act.rank,
            node,
            scope: () => site.scope(result.writes, { ...act.locals, output }),
          });
        }
        return result;
      } catch (error) {
        if (!isStepFailure(error) || attempt >= attempts || !mayRetry(site, error)) throw error;
        await hold.without(() => waitForTry(act, attempt + 1));
      }
    }
  } finally {
    hold.release();
  }
}

/** Waits before another try, durably: a crash neither shortens the wait nor grants another try. */
async function waitForTry(act: Act, attempt: number): Promise<void> {
  const { site } = act;
  const backoff = site.node.step.retry?.backoff;
  if (backoff === undefined) return;
  const milliseconds = Math.min(backoff.initial * backoff.factor ** (attempt - 2), backoff.max);
  if (milliseconds <= 0) return;
  const key = stepKeys.backoff(act.key, attempt);
  await pauseDurably<Json>(site, key, async () => {
    await site.execution.context.sleep(key, Math.round(milliseconds));
    return null;
  });
}
