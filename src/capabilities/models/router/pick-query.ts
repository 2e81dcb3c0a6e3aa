import type { ModelOperation } from '../../accounting/index.ts';

/** Why a deployment is left out already, by index. */
export const marks = { none: 0, tried: 1, refused: 2 } as const;

/** What of a call decides who may take it. */
export interface PickQuery {
  readonly operation: ModelOperation;
  readonly inputTokens: number;
  readonly maxOutputTokens: number | undefined;
  readonly region: string | undefined;
  /** Is the tag filter on? */
  readonly tagging: boolean;
  readonly tags: readonly string[];
  /** Those of `tags` that key or team demand. */
  readonly policyTags: readonly string[];
  readonly userAgent: string | undefined;
  /** A deployment named by its id is asked even while it rests. */
  readonly ignoreCooldown: boolean;
  /** Only context windows above this will do; -1: any. */
  readonly windowAbove: number;
  /** One of `marks` for each deployment; `undefined`: nobody is left out. */
  readonly marked: Uint8Array | undefined;
}
