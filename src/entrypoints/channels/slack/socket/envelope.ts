import { z } from 'zod';
import { lenient } from '../slack-update.ts';

/** What Slack sends over a socket: a greeting, a farewell, or something to be acknowledged by its id. */
export const socketEnvelope = z.object({
  type: z.string(),
  envelope_id: lenient(z.string().min(1)),
  payload: z.unknown().optional(),
  accepts_response_payload: lenient(z.boolean()),
  reason: lenient(z.string()),
  num_connections: lenient(z.int()),
});

export type SocketEnvelope = z.output<typeof socketEnvelope>;
