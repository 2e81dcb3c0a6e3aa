import type { Scope } from '../../protocol/index.ts';

/** What is known of a principal beside its permissions. */
export interface CallerAttributes {
  readonly team?: string;
  readonly user?: string;
  /** Put under the tags of each of its requests. */
  readonly tags: readonly string[];
  /** Names of models that it may use, `*` standing for any part; absent: all. */
  readonly models?: readonly string[];
}

/** Looks up attributes of principals; from memory where it can. */
export interface CallerDirectory {
  attributesOf(scope: Scope): Promise<CallerAttributes>;
}
