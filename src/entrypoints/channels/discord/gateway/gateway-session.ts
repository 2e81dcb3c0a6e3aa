import { z } from 'zod';
import { lenient, snowflake } from '../snowflake.ts';

/** A frame of the gateway. */
export const gatewayFrame = z.object({
  op: z.int(),
  d: z.unknown().optional(),
  s: lenient(z.int().nonnegative()),
  t: lenient(z.string()),
});

export type GatewayFrame = z.output<typeof gatewayFrame>;

/** Operations of the gateway. */
export const operations = {
  dispatch: 0,
  heartbeat: 1,
  identify: 2,
  resume: 6,
  reconnect: 7,
  invalidSession: 9,
  hello: 10,
  heartbeatAck: 11,
} as const;

/** Bits of the intents by their names in a definition. */
export const intentBits = {
  guilds: 1,
  guildMessages: 512,
  directMessages: 4096,
  messageContent: 32_768,
} as const;

/** What going on after a break takes. Events up to `seq` are durable. */
export const gatewaySession = z.object({
  sessionId: z.string().min(1),
  resumeUrl: z.string().regex(/^wss?:\/\//),
  seq: z.int().nonnegative(),
  botId: z.string(),
});

export type GatewaySession = z.output<typeof gatewaySession>;

/** The first event of a session. */
export const readyEvent = z.object({
  session_id: z.string().min(1),
  resume_gateway_url: z.string().regex(/^wss?:\/\//),
  user: z.object({ id: snowflake }),
});
