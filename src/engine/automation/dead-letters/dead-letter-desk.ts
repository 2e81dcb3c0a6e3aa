import type { Json, JsonObject, SerializedError } from '../../../base/index.ts';
import type { Scope } from '../../../protocol/index.ts';
import type { Page } from '../../runs/index.ts';

export const deadLetterKinds = ['run', 'delivery', 'schedule', 'sensor', 'job'] as const;
export type DeadLetterKind = (typeof deadLetterKinds)[number];

/** Something that was given up. Times are ISO 8601. */
export interface DeadLetterView {
  readonly id: string;
  readonly kind: DeadLetterKind;
  /** Run, response, `<schedule>@<slot>`, sensor or `<queue>:<job>`. */
  readonly ref: string;
  readonly reason: string;
  readonly error: SerializedError | null;
  readonly status: 'open' | 'retried' | 'discarded' | 'settled';
  /** Retries that were refused at once. */
  readonly attempts: number;
  readonly createdAt: string;
  readonly resolvedAt: string | null;
  readonly resolvedBy: string | null;
  /** Why it was discarded. */
  readonly note: string | null;
  /** The run that a retry started. */
  readonly newRunId: string | null;
}

export interface DeadLetterDetail extends DeadLetterView {
  /** What a retry sends; its fields can be replaced by a patch. `null` where there is nothing to send. */
  readonly payload: JsonObject | null;
  /** What it is about, as far as it is still there. */
  readonly subject: Json;
}

/** Which letters. */
export interface DeadLetterFilter {
  readonly kind?: DeadLetterKind;
  /** Part of the reason, in any case of letters. */
  readonly reason?: string;
  /** Only those from then on, ISO 8601. */
  readonly since?: string;
}

export type DeadLetterSelection = { readonly ids: readonly string[] } | { readonly filter: DeadLetterFilter };

export interface DeadLetterResult {
  readonly id: string;
  readonly ok: boolean;
  readonly runId: string | null;
  readonly error: SerializedError | null;
}

/** What was done about many. `more`: there are further ones that fit the filter. */
export interface BulkResult {
  readonly results: readonly DeadLetterResult[];
  readonly more: boolean;
}

/**
 * What was given up, until a person decides about it. Each letter is resolved once, in the same transaction as what
 * that does. Errors: `not_found`, `conflict` for one that is resolved.
 */
export interface DeadLetterDesk {
  /** The newest first. */
  list(
    scope: Scope,
    query: DeadLetterFilter & { status?: 'open' | 'resolved' | 'all'; limit: number; cursor?: string },
  ): Promise<Page<DeadLetterView>>;
  get(scope: Scope, id: string): Promise<DeadLetterDetail>;
  /**
   * Tries again: a run is submitted anew, a response delivered, a slot started. Fields of `patch` replace those of the
   * payload; what was changed runs for whoever changed it. A refusal leaves the letter open. Errors: also those of
   * starting a run; `invalid_request` for a patch that does not fit.
   */
  retry(scope: Scope, id: string, patch?: JsonObject): Promise<{ runId: string | null }>;
  discard(scope: Scope, id: string, reason: string): Promise<void>;
  /** At most 500 at once. */
  retryMany(scope: Scope, selection: DeadLetterSelection): Promise<BulkResult>;
  discardMany(scope: Scope, selection: DeadLetterSelection, reason: string): Promise<BulkResult>;
}
