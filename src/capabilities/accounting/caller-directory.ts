import type { Scope } from '../../protocol/index.ts';

/** Who is behind a principal. */
export interface CallerAttributes {
  /** Name of the API key. */
  readonly name?: string;
  readonly team?: string;
  /** The user for whom alone the key speaks; whatever a request says instead does not count. */
  readonly user?: string;
  /** Tags of every call. */
  readonly tags: readonly string[];
  /** Names and patterns of the models it may call; absent: all. */
  readonly models?: readonly string[];
}

/** Says who is behind a principal. */
export interface CallerDirectory {
  /**
   * Never older than a second. Ask it before anything else of a call: what it answered is what the limits of the call are
   * chosen by. Error: `storage_unavailable`.
   */
  attributesOf(scope: Pick<Scope, 'tenant' | 'principal'>): Promise<CallerAttributes>;
}

/** What was answered before, without asking again. */
export interface KnownCallers {
  /** `undefined`: nobody has asked `attributesOf` for it yet. */
  known(scope: Pick<Scope, 'tenant' | 'principal'>): CallerAttributes | undefined;
}
