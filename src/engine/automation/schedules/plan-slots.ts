import type { ScheduleSpec } from '../../../protocol/index.ts';
import { jitterOf } from './jitter.ts';
import type { SlotTimes } from './slot-times.ts';

export type SkipReason = 'missed' | 'catch_up_limit' | 'overlap' | 'paused' | 'disabled';

/** What is to be done about slots that are due. `skip` covers one slot, or a run of them from `first` to `slot`. */
export type SlotDecision =
  | { readonly kind: 'fire'; readonly slot: number; readonly dueAt: number; readonly catchUp: boolean }
  | {
      readonly kind: 'skip';
      readonly first: number;
      readonly slot: number;
      /** How many slots; beyond what can be counted one by one, of cron, an estimate. */
      readonly slots: number;
      readonly reason: SkipReason;
    };

export interface PlanInput {
  readonly name: string;
  readonly spec: Pick<
    ScheduleSpec,
    'missed' | 'grace' | 'maxCatchUp' | 'jitter' | 'every' | 'at' | 'enabled'
  >;
  readonly times: SlotTimes;
  /** Slots up to here are decided. */
  readonly decidedUntil: number;
  readonly now: number;
  readonly paused: boolean;
}

/** Skipped slots that get a row of their own; those before them share one. */
const ownRows = 100;
const yieldEvery = 50;

interface Due {
  readonly slots: readonly number[];
  /** Slots before those, too many to look at each. */
  readonly earlier: { readonly first: number; readonly last: number; readonly slots: number } | undefined;
}

/** `once` for a single moment, which would otherwise never come; `skip` for what comes again. */
function missedPolicyOf(spec: Pick<ScheduleSpec, 'missed' | 'at'>): 'skip' | 'once' | 'all' {
  return spec.missed ?? (spec.at === undefined ? 'skip' : 'once');
}

/** Decides about every slot that is due, oldest first. The same input gives the same decisions in every process. */
export async function planSlots(input: PlanInput): Promise<readonly SlotDecision[]> {
  const { spec, now } = input;
  const { slots, earlier } = await dueSlots(input);
  const dueAt = (slot: number): number => slot + jitterOf(spec.jitter, input.name, slot);
  const skips = (list: readonly number[], reason: SkipReason): SlotDecision[] =>
    list.map((slot) => ({ kind: 'skip', first: slot, slot, slots: 1, reason }));
  const fires = (list: readonly number[], catchUp: boolean): SlotDecision[] =>
    list.map((slot) => ({ kind: 'fire', slot, dueAt: dueAt(slot), catchUp }));
  const before = (reason: SkipReason): SlotDecision[] =>
    earlier === undefined
      ? []
      : [{ kind: 'skip', first: earlier.first, slot: earlier.last, slots: earlier.slots, reason }];

  if (!spec.enabled) return merged([...before('disabled'), ...skips(slots, 'disabled')]);
  if (input.paused) return merged([...before('paused'), ...skips(slots, 'paused')]);
  const firstInTime = slots.findIndex((slot) => now - dueAt(slot) <= spec.grace);
  const late = firstInTime === -1 ? slots : slots.slice(0, firstInTime);
  const inTime = firstInTime === -1 ? [] : slots.slice(firstInTime);
  const policy = missedPolicyOf(spec);
  // One run for all that was missed: a slot in time is that run.
  const caughtUp = policy === 'all' ? spec.maxCatchUp : policy === 'once' && inTime.length === 0 ? 1 : 0;
  const reason = policy === 'all' ? 'catch_up_limit' : 'missed';
  const split = Math.max(0, late.length - caughtUp);
  return [
    ...merged([...before(reason), ...skips(late.slice(0, split), reason)]),
    ...fires(late.slice(split), true),
    ...fires(inTime, false),
  ];
}

async function dueSlots({ name, spec, times, decidedUntil, now }: PlanInput): Promise<Due> {
  const most = Math.max(spec.maxCatchUp, ownRows);
  const slots: number[] = [];
  for (let slot = times.after(decidedUntil); slot !== undefined; slot = times.after(slot)) {
    // In order: a slot does not start before an earlier one, whatever their jitter.
    if (slot > now || slot + jitterOf(spec.jitter, name, slot) > now) return { slots, earlier: undefined };
    slots.push(slot);
    if (slots.length > most) break;
    // Each look at a cron expression costs a tenth of a millisecond.
    if (slots.length % yieldEvery === 0) await new Promise(setImmediate);
  }
  if (slots.length <= most) return { slots, earlier: undefined };
  const newest = times
    .lastBefore(now + 1, most)
    .filter((slot) => slot > decidedUntil && slot + jitterOf(spec.jitter, name, slot) <= now);
  const [first = 0] = slots;
  const from = newest[0] ?? now;
  const [last = first] = times.lastBefore(from, 1);
  const gap = spec.every ?? ((slots.at(-1) ?? first) - first) / (slots.length - 1);
  const count = Math.max(1, Math.round((last - first) / gap) + 1);
  return { slots: newest, earlier: last < first ? undefined : { first, last, slots: count } };
}

/** The newest skipped slots one by one, those before them as one. */
function merged(skips: readonly SlotDecision[]): SlotDecision[] {
  const older = skips.slice(0, Math.max(0, skips.length - ownRows));
  const [first] = older;
  const last = older.at(-1);
  if (older.length < 2 || first?.kind !== 'skip' || last?.kind !== 'skip') return [...skips];
  const slots = older.reduce((sum, one) => sum + (one.kind === 'skip' ? one.slots : 1), 0);
  return [
    { kind: 'skip', first: first.first, slot: last.slot, slots, reason: last.reason },
    ...skips.slice(older.length),
  ];
}
