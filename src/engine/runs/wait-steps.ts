import type { Json, JsonObject } from '../../base/index.ts';
import type { RunTarget } from '../../protocol/index.ts';

/** What the step of a wait is decided by: the same in the database and in memory, so that recordings fit both. */
export const waitInputs = {
  timer: (milliseconds: number): JsonObject => ({ milliseconds }),
  signal: (name: string, timeoutMs: number | undefined): JsonObject => ({
    name,
    timeoutMs: timeoutMs ?? null,
  }),
  child: (target: RunTarget, input: Json): JsonObject => ({ target: { ...target }, input }),
};

/** What the step of a wait for a signal answers with. */
export interface SignalOutcome {
  readonly received: boolean;
  readonly payload: Json;
  readonly [key: string]: Json;
}
