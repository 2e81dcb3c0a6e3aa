import { Cron } from 'croner';
import { AppError, didYouMean } from '../../../base/index.ts';
import type { ScheduleSpec } from '../../../protocol/index.ts';

/** The moments of a schedule, in ms since 1970 UTC. */
export interface SlotTimes {
  /** The first slot after a moment. */
  after(moment: number): number | undefined;
  /** The newest slots before a moment, at most `count`, oldest first. */
  lastBefore(moment: number, count: number): readonly number[];
}

type Timing = Pick<ScheduleSpec, 'cron' | 'every' | 'at' | 'timezone'>;

function oneMoment(slot: number): SlotTimes {
  return {
    after: (moment) => (slot > moment ? slot : undefined),
    lastBefore: (moment, count) => (slot < moment && count > 0 ? [slot] : []),
  };
}

function interval(everyMs: number): SlotTimes {
  return {
    after: (moment) => (Math.floor(moment / everyMs) + 1) * everyMs,
    lastBefore: (moment, count) => {
      const newest = (Math.ceil(moment / everyMs) - 1) * everyMs;
      return Array.from({ length: count }, (_, index) => newest - (count - 1 - index) * everyMs);
    },
  };
}

/**
 * Reads the times of a schedule. Daylight saving, by the rules of croner: a cron time that the clock jumps over is at
 * the end of the gap, a fixed time that comes twice is at its first coming, and `*` or `/` go on through both.
 * Error: `invalid_definition`.
 */
export function slotTimesOf(spec: Timing): SlotTimes {
  try {
    Intl.DateTimeFormat('en', { timeZone: spec.timezone });
  } catch (error) {
    throw new AppError(
      'invalid_definition',
      `timezone: "${spec.timezone}" is no time zone; expected a name such as Europe/Berlin${didYouMean(spec.timezone, Intl.supportedValuesOf('timeZone'))}`,
      { cause: error },
    );
  }
  if (spec.every !== undefined) {
    if (spec.every < 1000) throw new AppError('invalid_definition', 'every: expected at least 1s');
    return interval(spec.every);
  }
  if (spec.at !== undefined) {
    const hasOffset = /(?:z|[+-]\d\d:?\d\d)$/i.test(spec.at);
    const moment = hasOffset
      ? new Date(spec.at)
      : new Cron(spec.at, { timezone: spec.timezone, paused: true }).nextRun(new Date(0));
    if (moment === null || Number.isNaN(moment.getTime()))
      throw new AppError('invalid_definition', `at: "${spec.at}" is no moment after 1970`);
    return oneMoment(moment.getTime());
  }
  return cronTimes(spec.cron ?? '', spec.timezone);
}

function cronTimes(pattern: string, timezone: string): SlotTimes {
  let cron: Cron;
  try {
    cron = new Cron(pattern, { timezone, paused: true });
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^CronPattern: /, '') : String(error);
    throw new AppError('invalid_definition', `cron: ${reason}`, { cause: error });
  }
  return {
    after: (moment) => cron.nextRun(new Date(moment))?.getTime(),
    lastBefore: (moment, count) =>
      cron
        .previousRuns(count, new Date(moment))
        .map((date) => date.getTime())
        .toReversed(),
  };
}
