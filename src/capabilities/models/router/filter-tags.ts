import type { GroupPlan } from './group-plan.ts';
import type { PickQuery } from './pick-query.ts';
import { verdict } from './verdict.ts';

interface Constraints {
  readonly required: readonly string[];
  readonly excluded: readonly string[];
}

function constraintsIn(tags: readonly string[]): Constraints {
  return {
    required: tags.filter((tag) => tag.length > 1 && tag.startsWith('&')).map((tag) => tag.slice(1)),
    excluded: tags.filter((tag) => tag.length > 1 && tag.startsWith('!')).map((tag) => tag.slice(1)),
  };
}

/**
 * Keeps those deployments that suit the call's tags and marks the others `tags` in `plan.verdicts`. `!t` excludes, `&t` is
 * required, other tags match by any or by all; without a match the deployments tagged `default` answer, unless a tag is
 * known to the group whose carriers are all gone. Nothing left means an error, or, where failing open is allowed, what the
 * demands of key and team leave.
 */
export function filterTags(plan: GroupPlan, query: PickQuery): void {
  const { tags: index, verdicts, settings } = plan;
  const { required, excluded } = constraintsIn(query.tags);
  const positive = query.tags.filter((tag) => !tag.startsWith('!') && !tag.startsWith('&'));
  const size = verdicts.length;
  const fits = (at: number, wanted: Constraints): boolean =>
    wanted.excluded.every((tag) => index.carriers(tag)[at] !== 1) &&
    wanted.required.every((tag) => index.carriers(tag)[at] === 1);
  const isDefault = (at: number): boolean => index.carriers('default')[at] === 1;
  const some = (test: (at: number) => boolean): boolean => {
    for (let at = 0; at < size; at += 1) if (verdicts[at] === verdict.eligible && test(at)) return true;
    return false;
  };
  const keep = (test: (at: number) => boolean): void => {
    for (let at = 0; at < size; at += 1)
      if (verdicts[at] === verdict.eligible && !test(at)) verdicts[at] = verdict.tags;
  };
  const keepDefaultsOf = (test: (at: number) => boolean): void => {
    const onlyDefaults = some((at) => test(at) && isDefault(at));
    keep((at) => test(at) && (!onlyDefaults || isDefault(at)));
  };

  /** Is there an answer to the tags that the group knows? Then an invented one must not open the door to the others. */
  const inventedTagHidesAnswer = (): boolean => {
    const known = required.filter((tag) => some((at) => index.carriers(tag)[at] === 1));
    if (known.length === 0 || known.length === required.length) return false;
    return some((at) => fits(at, { required: known, excluded }));
  };
  const failOpen = (): void => {
    if (!settings.tagFailOpen || inventedTagHidesAnswer()) {
      keep(() => false);
      return;
    }
    const policy = constraintsIn(query.policyTags);
    keepDefaultsOf((at) => fits(at, policy));
  };

  const own = { required, excluded };
  const constrained = required.length > 0 || excluded.length > 0;
  const agent = query.userAgent;
  const byAgent =
    agent !== undefined &&
    agent !== '' &&
    index.anyPattern &&
    (positive.length > 0 ||
      (required.length === 0 && some((at) => index.patterned[at] === 1 && fits(at, own))));

  if (positive.length === 0 && !byAgent) {
    if (!constrained) keepDefaultsOf(() => true);
    else if (required.length > 0) {
      if (some((at) => fits(at, own))) keep((at) => fits(at, own));
      else failOpen();
    } else {
      const onlyDefaults = some(isDefault);
      const passes = (at: number): boolean => (!onlyDefaults || isDefault(at)) && fits(at, own);
      if (some(passes)) keep(passes);
      else failOpen();
    }
    return;
  }

  const all = settings.tagMatchAll;
  const fitting = byAgent ? index.fittingAgent(agent) : undefined;
  const matches = (at: number): boolean => {
    if (!fits(at, own)) return false;
    const carried = (tag: string): boolean => index.carriers(tag)[at] === 1;
    if (positive.length > 0 && (all ? positive.every(carried) : positive.some(carried))) return true;
    // A pattern does not get round tags that all have to fit.
    return fitting?.[at] === 1 && !(all && index.tagged[at] === 1);
  };
  if (some(matches)) {
    keep(matches);
    return;
  }
  const defaults = (at: number): boolean => isDefault(at) && fits(at, own);
  if (!some(defaults) || positive.some((tag) => index.knows(tag))) failOpen();
  else keep(defaults);
}
