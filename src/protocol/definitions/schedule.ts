import { z } from 'zod';
import { definitionVersion, durationMs, metadata } from './metadata.ts';
import { targetSpec } from './target.ts';

const scheduleSpec = z
  .strictObject({
    description: z.string().max(2000).default(''),
    enabled: z.boolean().default(true),
    cron: z.string().min(1).max(200).optional().describe('Cron expression of five or six fields.'),
    every: durationMs
      .optional()
      .describe('Interval such as "15m", counted from the full hour of 1970-01-01 UTC.'),
    at: z.iso
      .datetime({ offset: true, local: true })
      .optional()
      .describe('One moment; in `timezone` when it names no offset.'),
    timezone: z.string().min(1).max(64).default('UTC').describe('IANA name such as Europe/Berlin.'),
    start: targetSpec,
    inputs: z
      .record(z.string(), z.unknown())
      .default({})
      .describe('Input of the run; an agent takes `message`. {{ slot }} is the moment it is for.'),
    sessionKey: z.string().min(1).max(200).optional().describe('Conversation that the runs belong to.'),
    missed: z
      .enum(['skip', 'once', 'all'])
      .optional()
      .describe(
        'Slots that passed while nothing ran: none, one run for the newest, or one for each. skip when left out, once for `at`.',
      ),
    grace: durationMs.default(60_000).describe('A slot seen this much later still counts as in time.'),
    maxCatchUp: z
      .int()
      .min(1)
      .max(10_000)
      .default(100)
      .describe('Most slots that `missed: all` catches up on.'),
    overlap: z
      .enum(['allow', 'skip', 'queue', 'cancel'])
      .default('allow')
      .describe(
        'When the run of an earlier slot is still going: run beside it, leave this one out, wait, or end the earlier.',
      ),
    jitter: durationMs.default(0).describe('Starts up to this much later, the same for every process.'),
  })
  .refine(
    (value) => [value.cron, value.every, value.at].filter((one) => one !== undefined).length === 1,
    'expected exactly one of cron, every, at',
  );

/** `kind: Schedule`. */
export const scheduleDefinition = z
  .strictObject({
    apiVersion: z.literal(definitionVersion),
    kind: z.literal('Schedule'),
    metadata,
    spec: scheduleSpec,
  })
  .describe('Starts something at times.');

export type ScheduleDefinition = z.output<typeof scheduleDefinition>;
export type ScheduleSpec = z.output<typeof scheduleSpec>;
