import { visibleLine, type Json, type JsonObject } from '../../base/index.ts';
import { filesOf, placeholderOf } from './attachment-words.ts';
import {
  defaultTenant,
  requireScope,
  type AgentRequest,
  type Message,
  type ReplyAddress,
  type RunTarget,
  type Scope,
} from '../../protocol/index.ts';

const longestQuote = 1000;
const longestName = 64;

/** What a turn is made of. */
export interface Turn {
  readonly channel: string;
  /** Oldest first; at least one. */
  readonly messages: readonly Message[];
  /** Talk in the group that was not meant for the bot, oldest first. */
  readonly context: readonly Message[];
  readonly target: RunTarget;
  /** Model that the conversation has chosen. */
  readonly model: string | undefined;
  /** The rule or default that named the target. */
  readonly route: string;
  readonly sessionKey: string;
  /** `null`: the answer stays with the run. */
  readonly replyTo: ReplyAddress | null;
}

/**
 * Who acts: the person on the platform, with nothing but the right to reach the target and to let it use its tools; or the
 * program that sent the message, with its own rights. Error: `forbidden` when those do not reach the target.
 */
export function scopeOf(message: Message, kind?: RunTarget['kind']): Scope {
  const caller = message.order?.caller;
  if (caller !== undefined) {
    if (kind !== undefined) requireScope(caller, `${kind}s:invoke`);
    return caller;
  }
  return {
    tenant: defaultTenant,
    principal: `${message.platform}:${message.account_id}:${message.user_id}`,
    scopes: [`${kind ?? 'agent'}s:invoke`, 'tools:execute'],
  };
}

/** The request of a turn. Its key is the one of its first message. */
export function requestOfTurn(turn: Turn): AgentRequest {
  const { messages, target } = turn;
  const [first] = messages;
  const last = messages.at(-1);
  if (first === undefined || last === undefined) throw new TypeError('a turn without messages');
  const attachments = messages.flatMap((message) => message.attachments);
  const model = target.kind === 'agent' ? turn.model : undefined;
  const files = target.kind === 'workflow' ? [] : filesOf(messages);
  return {
    source: last.platform,
    target,
    input: ((target.kind === 'workflow' ? last.order?.inputs : undefined) ?? {
      message: [...contextText(turn.context), ...messages.map(inputText)].join('\n'),
      ...(files.length === 0 ? {} : { files: [...files] }),
      ...(model === undefined ? {} : { model }),
    }) satisfies Json,
    sessionKey: turn.sessionKey,
    dedupeKey: first.dedupe_key,
    replyTo: turn.replyTo,
    ...(attachments.length === 0 ? {} : { attachments }),
    timeoutMs: null,
    metadata: {
      ...last.order?.metadata,
      channel: turn.channel,
      chat_type: last.chat_type,
      user_id: last.user_id,
      route: turn.route,
      ...(last.user_name === undefined ? {} : { user_name: last.user_name }),
      ...(last.message_id === undefined ? {} : { message_id: last.message_id }),
      ...(messages.length === 1 ? {} : { collected: messages.length - 1 }),
      ...(last.order === undefined ? {} : { event: askedBy(last, target) }),
    },
  };
}

/** What a program is told in the answer, so that it knows which of its requests it belongs to. */
function askedBy({ message_id, dedupe_key, channel_id, order }: Message, target: RunTarget): JsonObject {
  const id = message_id ?? dedupe_key;
  return {
    id,
    correlation_id: id,
    source_id: channel_id,
    target: target.name,
    metadata: order?.metadata ?? {},
    ...(order?.fingerprint === undefined ? {} : { fingerprint: order.fingerprint }),
  };
}

function contextText(context: readonly Message[]): readonly string[] {
  if (context.length === 0) return [];
  return ['[Said in the group before, not to you:', ...context.map((message) => inputText(message)), ']'];
}

/**
 * What the agent reads. In a group the sender is named; what the message answers stands before it, and a file that came
 * along is visible as a placeholder.
 */
function inputText(message: Message): string {
  const files = message.attachments.map(placeholderOf);
  const own = message.text === '' ? [] : [message.text];
  const text = [...quotation(message), ...own, ...files].join('\n');
  if (message.chat_type === 'dm') return text;
  const name = plainName(message.user_name);
  return `${name === '' ? `user ${message.user_id}` : name}: ${text}`;
}

/** In one line, so that nothing in it can pass for what was said. */
function quotation({ quoted }: Message): readonly string[] {
  if (quoted === undefined) return [];
  const name = plainName(quoted.user_name);
  return [`[In reply to ${name === '' ? 'a message' : name}: ${visibleLine(quoted.text, longestQuote)}]`];
}

function plainName(name = ''): string {
  return name
    .replaceAll(/[\p{C}\s:[\]]+/gu, ' ')
    .trim()
    .slice(0, longestName);
}
