import type { CallerLimit, ModelCaller } from './caller.ts';

/**
 * Says which limits hold for a caller: those of tenant, key, user, team and agent. Asked for every call, so it answers
 * from memory; the same array for the same caller spares work. Limits that the call brings with it
 * (`caller.limits`) are not part of the answer.
 */
export interface LimitSource {
  /** One entry per subject; none: unlimited. */
  limitsOf(caller: ModelCaller): readonly CallerLimit[];
  /** The team that the caller's key belongs to, for its usage rows. */
  teamOf(caller: ModelCaller): string | undefined;
}
