import { hash } from 'node:crypto';
import {
  AppError,
  canonicalJson,
  fromSerializedError,
  type Json,
  type SerializedError,
} from '../../base/index.ts';
import type { StepKind } from '../../protocol/index.ts';

/** Stands in place of a digest in steps that a fork took over: they answer whatever their input is now. */
export const copiedDigest = '*';

/**
 * Digest of what decides a step: its kind and its input. The order of keys does not count, because the database that a
 * step's result comes back from keeps none.
 */
export function stepDigest(kind: StepKind, input: Json): string {
  return hash('sha256', `${kind}\n${canonicalJson(input)}`, 'base64url');
}

/** The fault of asking for one key twice. */
export function askedTwice(key: string): AppError {
  return new AppError(
    'nondeterministic_run',
    `step "${key}" was asked for twice in one execution; keys must be unique`,
  );
}

/** Is the step that is asked for now the one that was journaled? */
export function isSameStep(
  stored: { readonly kind: StepKind; readonly digest: string },
  kind: StepKind,
  digest: string,
): boolean {
  return stored.kind === kind && (stored.digest === digest || stored.digest === copiedDigest);
}

/** The fault of an execution that asks for something else than its journal holds. */
export function differentStep(key: string, stored: { readonly kind: StepKind }, kind: StepKind): AppError {
  return new AppError(
    'nondeterministic_run',
    `step "${key}" was journaled with other input; this is the first step that differs`,
    { details: { step: key, journaledKind: stored.kind, kind } },
  );
}

/** What a journaled failure throws again. */
export function storedFailure(error: SerializedError | null): AppError {
  return fromSerializedError(error ?? { code: 'internal', message: 'step failed', retryable: false });
}

/** The fault of a step that left its mark before a crash and must not be done again. */
export function doubtfulStep(key: string, name: string | undefined): AppError {
  return new AppError(
    'conflict',
    `"${name ?? key}" was under way when the process ended: it may or may not have happened, and is not repeated`,
    { details: { step: key } },
  );
}
