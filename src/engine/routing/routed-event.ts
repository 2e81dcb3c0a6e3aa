import type { JsonObject } from '../../base/index.ts';
import type { Message, RunTarget } from '../../protocol/index.ts';

/** What rules look at. What is left out fits no condition about it. */
export interface RoutedEvent {
  /** Platform or door: `telegram`, `rest`, … */
  readonly source: string;
  /** Name of the channel definition that it came through. */
  readonly channel?: string;
  readonly accountId?: string;
  /** Chat, channel or conversation on the platform. */
  readonly channelId?: string;
  readonly guildId?: string;
  readonly userId?: string;
  /** Other ids of the same person. */
  readonly userAliases?: readonly string[];
  readonly content: string;
  readonly chatType?: Message['chat_type'];
  readonly metadata?: JsonObject;
  /** Named by whoever sent it and may name one: it goes before all rules. */
  readonly target?: RunTarget;
}

/** Where an event goes, and why. */
export interface RouteDecision {
  readonly target: RunTarget;
  readonly reason: 'explicit' | 'rule' | 'source-default' | 'default';
  /** The rule that fitted. */
  readonly rule?: string;
}

/** A rule that was looked at. */
export interface ConsideredRule {
  readonly rule: string;
  readonly priority: number;
  readonly target: RunTarget;
  readonly outcome: 'chosen' | 'no-match' | 'not-reached';
  /** The condition that did not hold. */
  readonly failed?: string;
}

/** A decision with everything that was looked at, in that order. */
export interface RouteExplanation extends RouteDecision {
  readonly considered: readonly ConsideredRule[];
}

/** The message of a chat platform as rules see it. */
export function eventOfMessage(message: Message, channel: string): RoutedEvent {
  const { guild_id: kept } = message.metadata;
  const guildId = message.guild_id ?? (typeof kept === 'string' ? kept : undefined);
  return {
    source: message.platform,
    channel,
    accountId: message.account_id,
    channelId: message.channel_id,
    ...(guildId === undefined ? {} : { guildId }),
    userId: message.user_id,
    ...(message.user_aliases === undefined ? {} : { userAliases: message.user_aliases }),
    content: message.text,
    chatType: message.chat_type,
    metadata: message.metadata,
  };
}
