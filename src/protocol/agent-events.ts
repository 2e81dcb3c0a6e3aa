import { z } from 'zod';
import type { JsonObject } from '../base/index.ts';

/** Names of the streams that other programs write and read. */
export const agentStreams = {
  requests: 'agent:requests',
  events: 'agent:events',
  dead: 'agent:dead',
  /** Where answers to a channel of a source go. */
  responses: (source: string, sourceId: string): string => `agent:responses:${source}:${sourceId}`,
} as const;

const optionalText = z
  .string()
  .nullish()
  .transform((text) => (text === null || text === '' ? undefined : text));
const jsonObject = z
  .record(z.string(), z.json())
  .nullish()
  .transform((value) => (value ?? {}) as JsonObject);
const streamName = z
  .string()
  .regex(/^[A-Za-z0-9_.:@|+-]{1,255}$/, 'must be up to 255 letters, digits or one of _ . : @ | + -');
/** Python writes the time with or without a zone; without one it is UTC. */
const timestamp = z
  .string()
  .nullish()
  .transform((text) => {
    if (text === null || text === undefined) return undefined;
    const time = Date.parse(/(?:Z|[+-]\d\d:?\d\d)$/i.test(text) ? text : `${text.replace(' ', 'T')}Z`);
    return Number.isNaN(time) ? undefined : new Date(time).toISOString();
  });

const attachment = z.looseObject({
  id: z.string().optional(),
  type: z.string().nullish(),
  kind: z.string().nullish(),
  url: z.string().nullish(),
  name: z.string().nullish(),
  filename: z.string().nullish(),
  mime_type: z.string().nullish(),
  content_type: z.string().nullish(),
  size: z.number().int().nonnegative().nullish(),
});

/**
 * A request as other programs append it to `agent:requests`. Fields of newer versions are left alone; `null` is as good
 * as left out.
 */
export const agentRequestEvent = z.looseObject({
  id: optionalText.pipe(z.string().max(255).optional()),
  timestamp,
  source: z.string().regex(/^[a-z][a-z0-9_-]{0,63}$/, 'must be a name in lower case such as discord'),
  source_id: z.coerce.string().min(1).max(255),
  user_id: z.coerce.string().min(1).max(255),
  user_name: optionalText,
  content: z.string(),
  attachments: z
    .array(attachment)
    .max(50)
    .nullish()
    .transform((list) => list ?? []),
  agent_id: optionalText,
  team_id: optionalText,
  workflow_id: optionalText,
  session_id: optionalText.pipe(z.string().max(512).optional()),
  session_state: jsonObject,
  reply_stream: optionalText.pipe(streamName.optional()),
  metadata: jsonObject,
});

export type AgentRequestEvent = z.output<typeof agentRequestEvent>;

/** The answer to a request as it is appended to its streams. */
export const agentResponseEvent = z.object({
  id: z.string(),
  /** `id` of the request. */
  request_id: z.string(),
  timestamp: z.iso.datetime(),
  content: z.string(),
  content_type: z.enum(['text', 'structured', 'error']),
  structured_data: z.record(z.string(), z.json()).nullable(),
  status: z.enum(['completed', 'error', 'timeout']),
  error_message: z.string().nullable(),
  agent_id: z.string(),
  agent_name: z.string(),
  execution_time_ms: z.int().nonnegative(),
  tokens_used: z.int().nonnegative().nullable(),
  images: z.array(z.string()),
  files: z.array(z.record(z.string(), z.string())),
  metadata: z.record(z.string(), z.json()),
});

export type AgentResponseEvent = z.output<typeof agentResponseEvent>;
