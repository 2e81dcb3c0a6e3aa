import type { Json, JsonObject } from '../../../../base/index.ts';
import type { Scope } from '../../../../protocol/index.ts';

/** A response that can be fetched and continued. */
export interface StoredResponse {
  readonly id: string;
  readonly previousId: string | null;
  /** The session that it belongs to, where an agent answered within one. */
  readonly sessionId: string | null;
  /** Items that came with its request; those of earlier responses are not repeated. */
  readonly input: readonly Json[];
  /** The whole object as it was answered. */
  readonly response: JsonObject;
}

/** More responses than that in one conversation are refused. */
export const longestChain = 1000;

/** Responses of the Responses API, per tenant, until their time is over. */
export interface ResponseStore {
  put(scope: Scope, response: StoredResponse): Promise<void>;
  /** Those that there are, in no order. */
  find(scope: Scope, ids: readonly string[]): Promise<readonly StoredResponse[]>;
  /** A response and those it continues, oldest first, at most `longestChain`; where one is no more, the first of the list has a `previousId`. */
  chain(scope: Scope, id: string): Promise<readonly StoredResponse[]>;
  /** Does another response continue this one? */
  isContinued(scope: Scope, id: string): Promise<boolean>;
  /** False: there was none. */
  remove(scope: Scope, id: string): Promise<boolean>;
}
