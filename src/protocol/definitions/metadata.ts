import { z } from 'zod';
import { parseDuration } from '../../base/index.ts';

/** `apiVersion` of every definition file. */
export const definitionVersion = 'agent33/v1';

/** Names are used in addresses and file names: lower-case letters, digits, `-` and `_`. */
export const definitionName = z
  .string()
  .min(1)
  .max(64)
  .regex(
    /^[a-z0-9][a-z0-9_-]*$/,
    'expected lower-case letters, digits, "-" or "_", beginning with a letter or digit',
  )
  .describe('Unique name of the definition within its kind.');

export const metadata = z
  .strictObject({
    name: definitionName,
    description: z.string().max(2000).optional().describe('One sentence for people.'),
    labels: z.record(z.string().max(64), z.string().max(256)).default({}).describe('Free key-value pairs.'),
  })
  .describe('Name and labels.');

/** A duration such as `30s`, `2m` or `1h30m`; a number counts as milliseconds. Parsed to milliseconds. */
export const durationMs = z.union([z.string(), z.number().nonnegative()]).transform((value, context) => {
  const milliseconds = typeof value === 'number' ? value : parseDuration(value);
  if (milliseconds === undefined) {
    context.addIssue({ code: 'custom', message: 'expected a duration such as "30s", "2m" or "1h30m"' });
    return z.NEVER;
  }
  return milliseconds;
});
