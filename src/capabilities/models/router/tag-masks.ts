import type { TagIndex } from './tag-index.ts';

/** What a call's tags mean for a group, one byte for each deployment: the same for every call with these tags. */
export interface TagMasks {
  /** Tags that must be carried. */
  readonly required: readonly string[];
  /** Are there required or excluded tags? */
  readonly constrained: boolean;
  /** Are there tags that choose rather than constrain? */
  readonly positive: boolean;
  /** Does anybody of the group carry one of those, whatever its state? */
  readonly known: boolean;
  /** Carries nothing excluded and everything required. */
  readonly fits: Uint8Array;
  /** Fits, and carries the tags or has a pattern that the client fits. */
  readonly matches: Uint8Array;
  /** Fits and is tagged `default`. */
  readonly defaults: Uint8Array;
  /** Fits and has patterns; empty bytes where the client names itself not at all. */
  readonly patterned: Uint8Array;
  /** Carries nothing that key or team exclude and everything that they require. */
  readonly policy: Uint8Array;
  readonly excludedCarriers: Uint8Array;
}

const namesAfter = (sign: string, tags: readonly string[]): readonly string[] =>
  tags.filter((tag) => tag.length > 1 && tag.startsWith(sign)).map((tag) => tag.slice(1));

/** Compiles tags for a group. */
export function tagMasks(
  index: TagIndex,
  size: number,
  tags: readonly string[],
  policyTags: readonly string[],
  userAgent: string,
  matchAll: boolean,
): TagMasks {
  const carries = (tag: string, at: number): boolean => index.carriers(tag)[at] === 1;
  const mask = (test: (at: number) => boolean): Uint8Array =>
    Uint8Array.from({ length: size }, (_one, at) => (test(at) ? 1 : 0));
  const fitsFor = (names: readonly string[]): Uint8Array => {
    const required = namesAfter('&', names);
    const excluded = namesAfter('!', names);
    return mask(
      (at) => required.every((tag) => carries(tag, at)) && !excluded.some((tag) => carries(tag, at)),
    );
  };
  const required = namesAfter('&', tags);
  const excluded = namesAfter('!', tags);
  const positive = tags.filter((tag) => !tag.startsWith('!') && !tag.startsWith('&'));
  const fits = fitsFor(tags);
  const byAgent = userAgent !== '' && index.anyPattern;
  const fitting = byAgent ? index.fittingAgent(userAgent) : undefined;
  return {
    required,
    constrained: required.length > 0 || excluded.length > 0,
    positive: positive.length > 0,
    known: positive.some((tag) => index.knows(tag)),
    fits,
    matches: mask((at) => {
      if (fits[at] !== 1) return false;
      const carried = (tag: string): boolean => carries(tag, at);
      if (positive.length > 0 && (matchAll ? positive.every(carried) : positive.some(carried))) return true;
      // A pattern does not get round tags that all have to fit.
      return fitting?.[at] === 1 && !(matchAll && index.tagged[at] === 1);
    }),
    defaults: mask((at) => fits[at] === 1 && carries('default', at)),
    patterned: mask((at) => byAgent && fits[at] === 1 && index.patterned[at] === 1),
    policy: fitsFor(policyTags),
    excludedCarriers: mask((at) => excluded.some((tag) => carries(tag, at))),
  };
}
