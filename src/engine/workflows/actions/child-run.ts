import { AppError, fromSerializedError, type Json, type JsonObject } from '../../../base/index.ts';
import { isJsonObject } from '../../../base/index.ts';
import type { RunTarget } from '../../../protocol/index.ts';
import type { ChildOutcome } from '../../runs/index.ts';
import type { DurableIo } from '../workflow-action.ts';

/** Executes a target as a child run. Throws what it failed with; the message names it, the details hold its run. */
export async function childRun(durable: DurableIo, target: RunTarget, input: Json): Promise<ChildOutcome> {
  const outcome = await durable.context.child(durable.key, target, input, { signal: durable.signal });
  if (outcome.status === 'completed') return outcome;
  const what = `${target.kind} "${target.name}"`;
  // Its own details speak of its own steps, so they stay apart.
  const cause = outcome.error?.details === undefined ? {} : { cause: outcome.error.details };
  const details = { run_id: outcome.runId, ...cause };
  if (outcome.error !== null)
    throw fromSerializedError({ ...outcome.error, message: `${what}: ${outcome.error.message}`, details });
  throw new AppError(
    outcome.status === 'timeout' ? 'timeout' : 'cancelled',
    `${what} ended as ${outcome.status}`,
    {
      details,
    },
  );
}

/** The output of an agent or a team as a step shows it: fields in snake_case, with the run that gave it. */
export function answerOf(outcome: ChildOutcome): JsonObject {
  const fields = isJsonObject(outcome.output) ? outcome.output : { text: outcome.output };
  const named = Object.entries(fields).map(([key, value]): [string, Json] => [
    key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    value ?? null,
  ]);
  return { ...Object.fromEntries(named), run_id: outcome.runId };
}

/** The message of an agent's or a team's run. */
export function messageOf(inputs: {
  readonly message?: string | undefined;
  readonly input?: unknown;
}): string {
  if (inputs.message !== undefined) return inputs.message;
  return typeof inputs.input === 'string' ? inputs.input : JSON.stringify(inputs.input ?? null);
}
