import type { LimitValues, Scope } from '../../protocol/index.ts';

/** Limits of one subject that were set through the API. */
export interface StoredLimit {
  readonly values: LimitValues;
  readonly updatedBy: string;
  /** ISO 8601, UTC. */
  readonly updatedAt: string;
}

/** Limits that were set through the API: in memory in each process, at most a second behind the others. */
export interface StoredLimits {
  /** Another one after each change. */
  readonly version: number;
  of(tenant: string): ReadonlyMap<string, StoredLimit>;
  set(scope: Scope, subject: string, values: LimitValues): Promise<void>;
  /** False when there were none. */
  remove(scope: Scope, subject: string): Promise<boolean>;
}
