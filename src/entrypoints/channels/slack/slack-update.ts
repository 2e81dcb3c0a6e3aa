import { z } from 'zod';
import type { JsonObject } from '../../../base/index.ts';

/** What reading an update needs to know of its bot. */
export interface SlackReader {
  readonly accountId: string;
  /** The bot's own user and bot id, once Slack has told them. */
  readonly userId: string | undefined;
  readonly botId: string | undefined;
  /** Ids of other bots that are listened to. */
  readonly allowBots: readonly string[];
  /** Names of the commands that people can send. */
  readonly commands: readonly string[];
  /** Stands in for a missing date. */
  readonly nowMs: number;
}

/** The parts of an event's envelope that its message needs. */
export interface SlackEnvelope {
  readonly teamId: string | undefined;
  readonly appId: string | undefined;
  readonly botUserId: string | undefined;
  readonly raw: JsonObject;
}

/** A field that may be missing, null or something else altogether. */
export const lenient = <T extends z.ZodType>(schema: T) => schema.nullish().catch(undefined);

/** An id of Slack's. They are short; keys are made of them. */
export const slackId = z.string().min(1).max(200);

/** Kind of a conversation by its type, else by the first letter of its id. */
export function chatTypeOf(channelId: string, type?: string | null): 'dm' | 'group' | 'channel' {
  if (type === 'im' || (typeof type !== 'string' && channelId.startsWith('D'))) return 'dm';
  return type === 'mpim' ? 'group' : 'channel';
}
