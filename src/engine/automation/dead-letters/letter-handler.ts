import type { Selectable, Transaction } from 'kysely';
import { AppError, isJsonObject, type Json, type JsonObject } from '../../../base/index.ts';
import type { Database, DeadLettersTable } from '../../../platform/storage/index.ts';
import { requireScope, type RunTarget, type Scope } from '../../../protocol/index.ts';

export type LetterRow = Selectable<DeadLettersTable>;

/** Marks a letter as resolved, within the transaction of what that does; false when somebody else was first. */
export type Resolve = (trx: Transaction<Database>, newRunId: string | null) => Promise<boolean>;

/** What the desk does about letters of one kind. */
export interface LetterHandler {
  /** What a retry sends. */
  payload(letter: LetterRow): Promise<JsonObject | null>;
  /** What the letter is about, for people. */
  subject(letter: LetterRow): Promise<Json>;
  /** Tries again and resolves the letter. `undefined`: somebody else was first. */
  retry(
    scope: Scope,
    letter: LetterRow,
    patch: JsonObject | undefined,
    resolve: Resolve,
  ): Promise<{ runId: string | null } | undefined>;
  /** Tidies up before the letter is discarded. */
  discard?(scope: Scope, letter: LetterRow): Promise<void>;
}

/** Refuses fields that cannot be changed. */
export function assertFields(patch: JsonObject, allowed: readonly string[]): void {
  const wrong = Object.keys(patch).find((name) => !allowed.includes(name));
  if (wrong !== undefined)
    throw new AppError(
      'invalid_request',
      `patch.${wrong}: ${allowed.length === 0 ? 'nothing can be changed here' : `only ${allowed.join(' and ')} can be changed`}`,
    );
}

/**
 * For whom a letter is tried again: as before, or, when somebody changed it, for that one, who must be allowed to invoke
 * what is started then. Else a patch would borrow rights. Error: `forbidden`.
 */
export function actorOf(
  scope: Scope,
  before: Scope,
  patch: JsonObject | undefined,
  target: RunTarget,
): Scope {
  if (patch === undefined) return before;
  requireScope(scope, `${target.kind}s:invoke`);
  return scope;
}

/** An object with fields replaced, those that are null taken away; anything else is replaced as a whole. */
export function changed(value: Json | undefined, change: Json | undefined): Json {
  if (change === undefined) return value ?? null;
  if (!isJsonObject(change) || !isJsonObject(value)) return change;
  return Object.fromEntries(
    Object.entries({ ...value, ...change }).filter(([name]) => change[name] !== null),
  );
}

const kinds: readonly unknown[] = ['agent', 'team', 'workflow'];

/** A target that came as JSON. Error: `invalid_request`. */
export function targetOf(value: Json | undefined): RunTarget {
  if (isJsonObject(value)) {
    const { kind, name } = value;
    if (kinds.includes(kind) && typeof name === 'string') return { kind: kind as RunTarget['kind'], name };
  }
  throw new AppError('invalid_request', 'patch.target: expected kind (agent, team or workflow) and name');
}
