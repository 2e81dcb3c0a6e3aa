import { z } from 'zod';

const discordEpochMs = 1_420_070_400_000n;
const latestMs = 8_640_000_000_000_000;

/** An id of Discord's: digits that begin with the time. */
export const snowflake = z.string().regex(/^\d{1,25}$/);

/** When the thing with this id came to be, as ISO 8601; `nowMs` where the id says nothing sensible. */
export function timeOfSnowflake(id: string, nowMs: number): string {
  const at = Number((BigInt(id) >> 22n) + discordEpochMs);
  return new Date(at <= latestMs ? at : nowMs).toISOString();
}

/** A field that may be missing, null or of a form that nobody knows yet. */
export const lenient = <T extends z.ZodType>(schema: T) => schema.nullish().catch(undefined);
