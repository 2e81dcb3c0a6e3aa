import type { GroupPlan } from './group-plan.ts';
import type { PickQuery } from './pick-query.ts';
import { verdict } from './verdict.ts';

/** Is there somebody eligible whose byte is set? */
function some(verdicts: Uint8Array, mask: Uint8Array): boolean {
  for (let at = 0; at < verdicts.length; at += 1)
    if (verdicts[at] === verdict.eligible && mask[at] === 1) return true;
  return false;
}

/** Marks everybody eligible whose byte is not set. */
function keep(verdicts: Uint8Array, mask: Uint8Array): void {
  for (let at = 0; at < verdicts.length; at += 1)
    if (verdicts[at] === verdict.eligible && mask[at] !== 1) verdicts[at] = verdict.tags;
}

const both = (a: Uint8Array, b: Uint8Array): Uint8Array =>
  a.map((byte, at) => (byte === 1 && b[at] === 1 ? 1 : 0));

/** Keeps who is set in the mask; of those only the ones tagged `default`, where there are any. */
function keepDefaultsOf(plan: GroupPlan, mask: Uint8Array): void {
  const defaults = both(mask, plan.tags.carriers('default'));
  keep(plan.verdicts, some(plan.verdicts, defaults) ? defaults : mask);
}

/** Is there an answer to the requirements that the group knows? Then an invented one must not open the door to the others. */
function inventedTagHidesAnswer(plan: GroupPlan, required: readonly string[], excluded: Uint8Array): boolean {
  const { verdicts, tags } = plan;
  const known = required.filter((tag) => some(verdicts, tags.carriers(tag)));
  if (known.length === 0 || known.length === required.length) return false;
  return some(
    verdicts,
    excluded.map((byte, at) => (byte === 0 && known.every((tag) => tags.carriers(tag)[at] === 1) ? 1 : 0)),
  );
}

/**
 * Keeps those deployments that suit the call's tags and marks the others `tags` in `plan.verdicts`. `!t` excludes, `&t` is
 * required, other tags match by any or by all; without a match the deployments tagged `default` answer, unless a tag is
 * known to the group whose carriers are all gone. Nothing left means an error, or, where failing open is allowed, what the
 * demands of key and team leave.
 */
export function filterTags(plan: GroupPlan, query: PickQuery): void {
  const { tags: index, verdicts, settings } = plan;
  const masks = index.masksFor(query, settings.tagMatchAll);
  const failOpen = (): void => {
    const closed =
      !settings.tagFailOpen || inventedTagHidesAnswer(plan, masks.required, masks.excludedCarriers);
    if (closed) keep(verdicts, index.nobody);
    else keepDefaultsOf(plan, masks.policy);
  };
  const chosen = masks.positive || (masks.required.length === 0 && some(verdicts, masks.patterned));
  if (chosen) {
    if (some(verdicts, masks.matches)) keep(verdicts, masks.matches);
    else if (masks.known || !some(verdicts, masks.defaults)) failOpen();
    else keep(verdicts, masks.defaults);
    return;
  }
  if (!masks.constrained) {
    const defaults = index.carriers('default');
    if (some(verdicts, defaults)) keep(verdicts, defaults);
    return;
  }
  const onlyDefaults = masks.required.length === 0 && some(verdicts, index.carriers('default'));
  const wanted = onlyDefaults ? masks.defaults : masks.fits;
  if (some(verdicts, wanted)) keep(verdicts, wanted);
  else failOpen();
}
